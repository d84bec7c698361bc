"""Words for the values of columns that are facts, by language: what ``{{ name | words }}`` writes."""

from __future__ import annotations

from collections.abc import Mapping

from forensics.engine.loss_words import LOST, LOST_JA, LOST_PHRASES_JA
from forensics.engine.new_certificate_words import (
    IN_A_LIST,
    IN_A_LIST_JA,
    INSTEAD_OF_A_DEAD_KEY,
    INSTEAD_OF_A_DEAD_KEY_JA,
)

ANY = "*"
"""Stands for every value that has no words of its own; braces in its words are the value."""

_SEEN_JA = {
    "present": "あり",
    "partial": "一部のみ",
    "absent": "なし",
    "unreadable": "読み取り不可",
    "not_examined": "未調査",
}
_MAY_BE_EXPORTED_JA = {"yes": "可", "no": "不可", "unknown": "不明"}

FACT_WORDS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "en": {
        "used_by": {
            "[]": "nothing known",
        },
        "may_be_used_by": {
            "": "",
            "[]": "",
            ANY: "; may be chosen by: {}",
        },
        "superseded": {
            "": "",
            "no": "",
            "archived": ", and archived",
            "remote_desktop": ", since Remote Desktop has another one",
            "replaced": ", since its role has a newer one",
            "switched_off": ", which takes no connections",
            "trusted": ", in a store where nobody looks for a private key",
        },
        "purpose": {
            "vtpm": "virtual TPMs of this host (its local guardian)",
            "remote_desktop": "Remote Desktop",
            "authority": "certification authority",
            "code_signing": "code signing",
            "mail": "S/MIME",
            "vpn": "VPN",
            "network_logon": "network logon (EAP-TLS)",
            "server": "server",
            "client": "client authentication",
            "efs": "file encryption (EFS)",
            "other": "other purposes",
        },
        "new_by": IN_A_LIST,
        "new_way": {**IN_A_LIST, "none": "the certificate stays, and nothing is deleted"},
        "instead": INSTEAD_OF_A_DEAD_KEY,
        "lost_told": {"": "", ANY: LOST},
    },
    "ja": {
        "used_by": {
            "[]": "判明しているものなし",
        },
        "may_be_used_by": {
            "": "",
            "[]": "",
            ANY: "。選択する可能性があるもの: {}",
        },
        "superseded": {
            "": "",
            "no": "",
            "archived": "。アーカイブ済みです",
            "remote_desktop": "。リモート デスクトップは別の証明書を使用しています",
            "replaced": "。その役割には新しい証明書があります",
            "switched_off": "。リモート デスクトップは接続を受け付けていません",
            "trusted": "。秘密キーが検索されないストアにあります",
        },
        "purpose": {
            "vtpm": "このホストの仮想 TPM (ローカル ガーディアン)",
            "remote_desktop": "リモート デスクトップ",
            "authority": "証明機関",
            "code_signing": "コード署名",
            "mail": "S/MIME",
            "vpn": "VPN",
            "network_logon": "ネットワーク ログオン (EAP-TLS)",
            "server": "サーバー",
            "client": "クライアント認証",
            "efs": "ファイルの暗号化 (EFS)",
            "other": "その他の用途",
        },
        "new_by": IN_A_LIST_JA,
        "new_way": {**IN_A_LIST_JA, "none": "証明書はそのまま使用し、何も削除しません"},
        "instead": INSTEAD_OF_A_DEAD_KEY_JA,
        "lost_told": {"": "", ANY: LOST_JA},
        "opens_broken_at": {
            "claim": "キーへのリンク",
            "provider": "プロバイダー",
            "key_file": "キー ファイル",
            "public_key": "公開キー",
            "access": "アクセス許可",
            "master_key": "マスター キー",
            "secret": "シークレット",
            "private_key": "秘密キー",
            "service": "サービス",
            "keyset": "キー セット",
            "kind": "キーの種類",
        },
        "certainty": {"proved": "証明済み", "likely": "可能性が高い", "candidate": "候補"},
        "role": {"signing": "署名", "encryption": "暗号化"},
        "opened_with_half": {"machine": "マシン側", "user": "ユーザー側"},
        "ekroot": _SEEN_JA,
        "ekca": _SEEN_JA,
        "enforces": {"yes": "あり", "no": "なし", "unknown": "不明"},
        "exportable": _MAY_BE_EXPORTED_JA,
        "export": _MAY_BE_EXPORTED_JA,
    },
}

FACT_PHRASES: Mapping[str, Mapping[str, Mapping[str, str]]] = {"en": {}, "ja": {"lost_told": LOST_PHRASES_JA}}
"""Of facts that are sentences: phrases that stand in them, and what to say instead, in this order."""
