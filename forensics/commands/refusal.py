"""Why a command is not printed."""

from __future__ import annotations

from typing import Literal

Reason = Literal[
    "unknown",
    "unsafe",
    "service_store",
    "policy_store",
    "other_volume",
    "kept",
    "not_shown",
    "by_owner",
    "deleted",
    "shadow_copy",
]

_WORDS: dict[str, dict[Reason, str]] = {
    "en": {
        "unknown": "No command is printed here: this disk does not tell the {what}.",
        "unsafe": "No command is printed here: the {what} holds characters that a shell would act on.",
        "service_store": "The store of a service is reached in the snap-in Certificates only (mmc).",
        "policy_store": "What group policy put there is changed in the policy, not on this computer.",
        "other_volume": "No command is printed here: the {what} is on a drive whose letter this disk does not tell.",
        "not_shown": "No command is printed here: this disk does not show that it would be right ({what}).",
        "by_owner": "No command is printed here: what made the binding changes it, see how it is set.",
        "kept": "No command is printed here: this certificate must not be taken out of its store.",
        "deleted": "The file is deleted, and no command of Windows reaches it: let nothing write to this disk.",
        "shadow_copy": "No command is printed here: the file lies in a shadow copy, under no path of Windows.",
    },
    "ja": {
        "unknown": "ここにコマンドは表示しません: {what} がこのディスクからわかりません。",
        "unsafe": "ここにコマンドは表示しません: {what} にシェルが解釈する文字が含まれています。",
        "service_store": "サービスのストアはスナップイン「証明書」(mmc、サービス アカウント) でのみ操作できます。",
        "policy_store": "グループ ポリシーが配布したものは、このコンピューターではなくポリシーで変更します。",
        "other_volume": "ここにコマンドは表示しません: {what} があるドライブの文字がこのディスクからわかりません。",
        "not_shown": "ここにコマンドは表示しません: それが正しいことをこのディスクは示していません ({what})。",
        "by_owner": "ここにコマンドは表示しません: バインドを作成したものが変更します。設定方法を参照してください。",
        "kept": "ここにコマンドは表示しません: この証明書をストアから取り除いてはなりません。",
        "deleted": "このファイルは削除され、Windows のコマンドでは扱えません。このディスクに書き込ませないでください。",
        "shadow_copy": "ここにコマンドは表示しません: ファイルはシャドウ コピー内にあり、Windows のパスがありません。",
    },
}


class Refused(Exception):
    """A value that a command is not printed with.

    Attributes:
        reason: Why not.
        parameter: Of which parameter; the catalogue fills it in.
    """

    def __init__(self, reason: Reason, parameter: str = "") -> None:
        super().__init__(reason, parameter)
        self.reason = reason
        self.parameter = parameter


def refusal(refused: Refused, language: str) -> str:
    """Say in a sentence why a command is not printed."""
    what = _NAMES[language].get(refused.parameter, refused.parameter.replace("_", " "))
    return _WORDS[language][refused.reason].format(what=what)


def is_refusal(text: str) -> bool:
    """Tell whether a sentence, of any language, stands for a command that is not printed."""
    return any(text.startswith(words.partition("{")[0]) for said in _WORDS.values() for words in said.values())


_NAMES: dict[str, dict[str, str]] = {
    "en": {
        "scope": "kind of store",
        "endpoint": "address of the binding",
        "app_id": "AppId of the binding",
        "vm": "ID of the virtual machine",
        "attestation": "address of the attestation service",
        "protection": "address of the key protection service",
    },
    "ja": {
        "scope": "ストアの種類",
        "store": "ストア",
        "thumbprint": "拇印",
        "endpoint": "バインドのアドレス",
        "app_id": "バインドの AppId",
        "path": "パス",
        "template": "テンプレート",
        "vm": "仮想マシンの ID",
        "guardian": "ガーディアンの名前",
        "attestation": "構成証明サービスのアドレス",
        "protection": "キー保護サービスのアドレス",
        "folder": "フォルダー",
        "serial": "シリアル番号",
    },
}
