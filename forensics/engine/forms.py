"""How a text writes a value: ``{{ name | form }}``.

date        the day of a time
path        a path of the source as its Windows writes it (:mod:`forensics.tables.windows_path`), which the row's column
            already is: the drive is a fact of the row's machine
list        the items of a list column, with commas
words       a fact in the words of the language: who uses a certificate, what it is for
certutil    a store's scope as certutil is called for it; certreq: as certreq is told
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

MOST_ITEMS = 20
"""Display: items of a list that are written; the rest is counted."""

ANY = "*"
"""Stands for every value that has no words of its own; braces in its words are the value."""


class Wording(NamedTuple):
    """The words that filling puts in by itself.

    Attributes:
        language: Whose words they are.
        unknown: For an empty value.
        withheld: For a value that is not put into a command.
        comma: Between values.
        last: Before the last value.
        more: After the first of many.
        and_so_on: After the first of many lines, with how many are left out.
        local: After a time by the clock of the machine.
        none: For an empty list.
        nothing: For an empty list of what was looked for.
        parts: Over the parts of a list, by the rank of what is in them (:func:`forensics.engine.subjects.rank`).
        facts: Words for the values of a column; those of no value under the empty name, of others under :data:`ANY`.
    """

    language: str
    unknown: str
    withheld: str
    comma: str
    last: str
    more: str
    and_so_on: str
    local: str
    none: str
    nothing: str
    parts: tuple[str, ...]
    facts: Mapping[str, Mapping[str, str]]


_NEW_CERTIFICATE = {
    "": "ask its issuer for a new one",
    "none": "the certificate stays, and nothing is deleted",
    "guardian": "made again as the findings about guardians say; the old one stays, with its key",
    "role": "renewed by the procedure of its role; the old one stays, with its key",
    "policy": "handed out by the domain: renewed in the policy, not on this computer",
    "device": "made again by Entra ID or the MDM while the device is enrolled; else enrol it again",
    "program": "made again by the program that made it",
    "maker": "signed with its own key: no authority renews it, what made it makes a new one",
    "service_store": "requested in the snap-in Certificates (mmc), for the account of that service",
    "auto_enrolment": "auto-enrolment, which a policy switches on, makes it: let it look now, then read what it logs",
    "renewal": "renewed, for it is valid and its key opens",
    "template": "requested anew from its template, for what has ended or does not open its key is not renewed",
    "names": "requested anew with its names in the request, which its template takes from there (certlm.msc, All Tasks "
    "> Request New Certificate)",
    "authority": "this disk tells no template by which it could be requested: ask its issuer for a new one",
    "replaced": "another one has taken over, and nothing has to be done",
    "successor": "a working certificate with its names is there, and is to be set in its place",
}
_NEW_CERTIFICATE_JA = {
    "": "発行者に新しいものを依頼します",
    "none": "証明書はそのまま使用し、何も削除しません",
    "guardian": "ガーディアンに関する検出結果のとおりに作り直します。古いものは秘密キーとともに残します",
    "role": "その役割の手順で更新します。古いものは秘密キーとともに残します",
    "policy": "ドメインが配布したものです。このコンピューターではなくポリシーで更新します",
    "device": "デバイスの登録中は Entra ID または MDM が作り直します。そうでなければ登録し直します",
    "program": "作成したプログラムが作り直します",
    "maker": "自己署名です。機関は更新しません。作成したものが新しいものを作ります",
    "service_store": "スナップイン「証明書」(mmc) で、そのサービスのアカウント用に要求します",
    "auto_enrolment": "ポリシーで有効な自動登録が作成します。今すぐ実行し、ログを確認してください",
    "renewal": "有効で秘密キーが開けるので更新します",
    "template": "テンプレートから新しく要求します。期限切れのもの、秘密キーが開けないものは更新できません",
    "names": "テンプレートは名前を要求から取得します。名前を指定して新しく要求します (certlm.msc)",
    "authority": "要求に使うテンプレートがこのディスクから分かりません。発行者に新しいものを依頼します",
    "replaced": "別の証明書に置き換わっており、対応は不要です",
    "successor": "同じ名前の有効な証明書があるので、代わりにそれを設定します",
}


ENGLISH = Wording(
    "en",
    "(not known)",
    "(not shown: a shell would act on it)",
    ", ",
    " and ",
    " and {count} more",
    "(and {count} more)",
    " by the clock of the machine",
    "none",
    "nothing that was found",
    (
        "In use:",
        "In use, and ended:",
        "Not known to be in use:",
        "Ended, and not known to be in use:",
        "Replaced by a working certificate:",
        "Made anew each day:",
    ),
    {
        "used_by": {"[]": "nothing known"},
        "may_be_used_by": {"": "", "[]": "", ANY: "; may be chosen by: {}"},
        "superseded": {
            "": "",
            "no": "",
            "archived": ", and archived",
            "remote_desktop": ", since Remote Desktop has another one",
            "replaced": ", since its role has a newer one",
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
        "reissue": {
            "": "have it issued again by its CA or MDM, and set the new one where this one is used. Auto-enrolment "
            "makes one only when the dead one is out of the store: take it out there when the new one may come "
            "(snap-in Certificates).",
            "authority": "a certificate of an authority stays where it is, and is not requested like others. Its key "
            "comes back from a backup of the authority or from its HSM; without either, its owners renew the "
            "authority with a new key.",
            "exchange_auth": "the Exchange Auth certificate stays where it is. Exchange makes a new one itself, once "
            "for all its servers (New-ExchangeCertificate, Set-AuthConfig).",
            "ndes": "the certificates of NDES stay where they are until both have been requested anew, as a pair.",
            "guardian": "a guardian's certificate stays where it is. No authority issues it, and neither a new pair "
            "nor a new key protector opens a virtual TPM that exists. Where another host or a PFX file has the pair, "
            "bring it from there; else the disks go into a new virtual machine, with BitLocker's recovery key.",
            "network_unlock": "a new certificate for BitLocker Network Unlock is made on the server that unlocks, and "
            "group policy hands out its public half; until then clients ask for a PIN or the recovery key. Keep this "
            "one until they have the new one.",
            "efs_agent": "a recovery agent of EFS is made anew in the policy that hands it out, once for all computers "
            "(cipher /r). A new one recovers nothing of before: keep this one, and what is left of its key.",
            "encryption": "a new certificate opens nothing that was encrypted for this one. Have one issued for what "
            "is encrypted from now on, and keep this one and what is left of its key.",
        },
        "new_by": _NEW_CERTIFICATE,
        "new_way": _NEW_CERTIFICATE,
    },
)
WORDINGS = {
    "en": ENGLISH,
    "ja": Wording(
        "ja",
        "(不明)",
        "(シェルが解釈する文字を含むため表示しません)",
        "、",
        "、",
        " ほか {count} 件",
        "(ほか {count} 件)",
        " (コンピューターの時計)",
        "なし",
        "見つかったものなし",
        (
            "使用中:",
            "使用中で、期限切れ:",
            "使用元が判明していないもの:",
            "使用元が判明しておらず、期限切れ:",
            "有効な証明書に置き換え済み:",
            "毎日新しく作成されるもの:",
        ),
        {
            "used_by": {"[]": "判明しているものなし"},
            "may_be_used_by": {"": "", "[]": "", ANY: "。選択する可能性があるもの: {}"},
            "superseded": {
                "": "",
                "no": "",
                "archived": "(アーカイブ済み)",
                "remote_desktop": "(リモート デスクトップは別の証明書を使用)",
                "replaced": "(その役割には新しい証明書がある)",
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
            "reissue": {
                "": "CA または MDM に再発行してもらい、この証明書を使用していた場所に新しい証明書を"
                "設定します。自動登録は、使用不能な証明書がストアからなくなってから新しい証明書"
                "を作成します。その場合にのみスナップイン「証明書」で取り除きます。",
                "authority": "証明機関の証明書はそのまま残し、ほかの証明書のように要求し直さないでください。"
                "キーは証明機関のバックアップまたは HSM から復元します。どちらもない場合は、証"
                "明機関の管理者が新しいキーで証明機関を更新します。",
                "exchange_auth": "Exchange 認証証明書はそのまま残してください。新しいものは、すべてのサーバーの"
                "ために Exchange で一度だけ作成します (New-ExchangeCertificate、Set-AuthConfig)。",
                "ndes": "NDES の証明書は、両方を組で新しく要求し終えるまで、そのまま残してください。",
                "guardian": "ガーディアンの証明書はそのまま残してください。証明機関が発行するもの"
                "ではなく、新しい組でも新しいキー プロテクターでも、既存の仮想 TPM は開けません。別の"
                "ホストまたは PFX ファイルにその組があれば、そこから持ってきます。なければ、ディスクを"
                "新しい仮想マシンに移し、BitLocker の回復キーを使用します。",
                "network_unlock": "BitLocker ネットワーク ロック解除の新しい証明書は、ロックを解除するサーバーで"
                "作成し、公開部分をグループ ポリシーで配布します。それまでクライアントは PIN ま"
                "たは回復キーを求めます。行き渡るまで、この証明書を残してください。",
                "efs_agent": "EFS の回復エージェントは、配布元のポリシーで、すべてのコンピューターのために一"
                "度だけ新しく作成します (cipher /r)。新しいエージェントで以前のファイルは回復で"
                "きません。この証明書と、キーの残りを保管してください。",
                "encryption": "新しい証明書では、この証明書で暗号化したものを開けません。今後暗号化するものの"
                "ために新しい証明書の発行を受け、この証明書と、キーの残りを保管してください。",
            },
            "new_by": _NEW_CERTIFICATE_JA,
            "new_way": _NEW_CERTIFICATE_JA,
        },
    ),
}


def formed(text: str, form: str | None, name: str, wording: Wording) -> str:
    """Write a value that is there.

    Args:
        text: The value as it stands on the disk.
        form: How.
        name: Its name in the rule; that of its column stands last.
        wording: The words of the language.
    """
    if form == "date":
        return text[:10]
    if form == "local":
        return text.replace("T", " ").removesuffix("Z") + wording.local
    if form == "certutil":
        return "certutil -user" if text == "user" else "certutil"
    if form == "certreq":
        return "-user" if text == "user" else "-machine"
    if form == "list":
        return _items(text, ", ", wording) or wording.none
    if form == "words":
        facts = wording.facts.get(name.rpartition(".")[2], {})
        if text in facts:
            return facts[text]
        return facts.get(ANY, "{}").replace("{}", _items(text, "; ", wording) or wording.nothing)
    return text


def missing(form: str | None, name: str, wording: Wording) -> str:
    """Write a value that is not there."""
    if form in ("certutil", "certreq"):
        return formed("", form, name, wording)
    words = wording.facts.get(name.rpartition(".")[2], {}) if form == "words" else {}
    return words.get("", wording.unknown)


def _items(text: str, between: str, wording: Wording) -> str:
    try:
        items = json.loads(text)
    except ValueError:
        return text
    if not isinstance(items, list):
        return text
    told = between.join(map(str, items[:MOST_ITEMS]))
    return told + wording.more.format(count=len(items) - MOST_ITEMS) if len(items) > MOST_ITEMS else told
