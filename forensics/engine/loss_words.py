"""Words for when a key lost its file, ``key_chain.lost_told``: what leads to it, and its phrases in Japanese.

:mod:`forensics.facts.loss_told` composes it; a phrase that holds another stands before it.
"""

from __future__ import annotations

LOST = "; the file that it needs {}"
LOST_JA = "。必要なファイル: {}"
LOST_PHRASES_JA = {
    "existed at ": "最後の確認: ",
    ", and no witness tells when it went": "、失われた時刻は不明",
    ", and was ": "、was ",
    "was deleted at ": "削除: ",
    "was renamed at ": "名前の変更: ",
    "was moved away at ": "移動: ",
    "was likely replaced at ": "おそらく置き換え: ",
    "was gone at ": "次の時刻にはなし: ",
    "a time that is not told": "時刻不明",
    "by the times of the file in its place": "現在そこにあるファイルの時刻から推定",
    ", together with ": "、同時に削除されたほかのファイル: ",
    " other files of ": " 個、フォルダー: ",
    " other file of ": " 個、フォルダー: ",
    "its folder": "同じフォルダー",
    " within ": "、",
    " seconds": " 秒以内",
    " second": " 秒以内",
    ", though something speaks against this time": "。ただし、この時刻と矛盾する記録があります",
    "(change journal)": "(変更ジャーナル)",
    "(Security log)": "(セキュリティ ログ)",
    "(deleted file record)": "(削除されたファイルのレコード)",
    "(remains of the folder's index)": "(フォルダーのインデックスの残存データ)",
    "(shadow copy)": "(シャドウ コピー)",
    "(Windows that Setup moved aside)": "(セットアップが退避した以前の Windows)",
    "(times of the file)": "(ファイルの時刻)",
}
