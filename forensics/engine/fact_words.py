"""Words for the values of columns that are facts, by language: what ``{{ name | words }}`` writes."""

from __future__ import annotations

from collections.abc import Mapping

ANY = "*"
"""Stands for every value that has no words of its own; braces in its words are the value."""

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
            "": (
                "have it issued again by its CA or MDM, for a new request with a new key, and set the new one "
                "where this one is used."
            ),
            "authority": (
                "a certificate of an authority stays where it is, and is not requested like others. Its key "
                "comes back from a backup of the authority or from its HSM; without either, its owners renew the "
                "authority with a new key."
            ),
            "exchange_auth": (
                "the Exchange Auth certificate stays where it is. Exchange makes a new one itself, once for all "
                "its servers (New-ExchangeCertificate, Set-AuthConfig)."
            ),
            "ndes": "the certificates of NDES stay where they are until both have been requested anew, as a pair.",
            "guardian": (
                "a guardian's certificate stays where it is. No authority issues it, and neither a new pair nor "
                "a new key protector opens a virtual TPM that exists. Where another host or a PFX file has the "
                "pair, bring it from there; else the disks go into a new virtual machine, with BitLocker's "
                "recovery key."
            ),
            "network_unlock": (
                "a new certificate for BitLocker Network Unlock is made on the server that unlocks, and group "
                "policy hands out its public half; until then clients ask for a PIN or the recovery key. Keep "
                "this one until they have the new one."
            ),
            "efs_agent": (
                "a recovery agent of EFS is made anew in the policy that hands it out, once for all computers "
                "(cipher /r). A new one recovers nothing of before: keep this one, and what is left of its key."
            ),
            "encryption": (
                "a new certificate opens nothing that was encrypted for this one. Have one issued for what is "
                "encrypted from now on, and keep this one and what is left of its key."
            ),
            "remote_desktop": (
                "Remote Desktop makes its certificate by itself. Where its listener uses this one, the finding "
                "rdp-key-unusable says how it makes another; nothing else needs it."
            ),
            "replaced": "nothing needs to be issued, a newer certificate has taken over.",
            "mdm": (
                "the MDM issues it to a device that is enrolled anew; a synchronisation signs in with the dead one."
            ),
            "entra": (
                "the device registers anew: dsregcmd /forcerecovery where it is joined to Entra ID; where it is "
                "joined to a domain as well, dsregcmd /debug /leave and a new sign-in. Have a local "
                "administrator and the BitLocker recovery key at hand before: without them nobody may get in "
                "afterwards."
            ),
            "acme": "the ACME client that got it gets another one; see that the client sets it, too.",
            "maker": "it is signed by itself, or made by the program that uses it: that one makes another.",
            "template": (
                "request a new one from its template, with a new key, and set it where this one is used; the "
                "findings about its uses say how."
            ),
        },
        "new_by": _NEW_CERTIFICATE,
        "new_way": _NEW_CERTIFICATE,
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
            "": (
                "CA または MDM に、新しいキーによる新しい要求で再発行してもらい、この証明書を使用していた場所に新"
                "しい証明書を設定します。"
            ),
            "authority": (
                "証明機関の証明書はそのまま残し、ほかの証明書のように要求し直さないでください。キーは証明機関のバ"
                "ックアップまたは HSM から復元します。どちらもない場合は、証明機関の管理者が新しいキーで証明機関"
                "を更新します。"
            ),
            "exchange_auth": (
                "Exchange 認証証明書はそのまま残してください。新しいものは、すべてのサーバーのために Exchange で"
                "一度だけ作成します (New-ExchangeCertificate、Set-AuthConfig)。"
            ),
            "ndes": "NDES の証明書は、両方を組で新しく要求し終えるまで、そのまま残してください。",
            "guardian": (
                "ガーディアンの証明書はそのまま残してください。証明機関が発行するものではなく、新しい組でも新しい"
                "キー プロテクターでも、既存の仮想 TPM は開けません。別のホストまたは PFX ファイルにその組があれ"
                "ば、そこから持ってきます。なければ、ディスクを新しい仮想マシンに移し、BitLocker の回復キーを使用"
                "します。"
            ),
            "network_unlock": (
                "BitLocker ネットワーク ロック解除の新しい証明書は、ロックを解除するサーバーで作成し、公開部分を"
                "グループ ポリシーで配布します。それまでクライアントは PIN または回復キーを求めます。行き渡るまで"
                "、この証明書を残してください。"
            ),
            "efs_agent": (
                "EFS の回復エージェントは、配布元のポリシーで、すべてのコンピューターのために一度だけ新しく作成し"
                "ます (cipher /r)。新しいエージェントで以前のファイルは回復できません。この証明書と、キーの残りを"
                "保管してください。"
            ),
            "encryption": (
                "新しい証明書では、この証明書で暗号化したものを開けません。今後暗号化するもののために新しい証明書"
                "の発行を受け、この証明書と、キーの残りを保管してください。"
            ),
            "remote_desktop": (
                "リモート デスクトップは証明書を自分で作成します。リスナーがこの証明書を使用している場合は、検出"
                "結果 rdp-key-unusable に作り直す方法が示されています。ほかに必要とするものはありません。"
            ),
            "replaced": "発行は不要です。新しい証明書が引き継いでいます。",
            "mdm": (
                "MDM は、登録し直したデバイスに発行します。同期では、使用不能な証明書でサインインすることになります。"
            ),
            "entra": (
                "デバイスを登録し直します。Entra 参加では dsregcmd /forcerecovery、ハイブリッド参加では dsregcmd "
                "/debug /leave と新しいサインインです。事前にローカル管理者と BitLocker 回復キーを用意してくださ"
                "い。ないと、だれもサインインできなくなるおそれがあります。"
            ),
            "acme": (
                "取得した ACME クライアントが別の証明書を取得します。クライアントがそれを設定することも確認してく"
                "ださい。"
            ),
            "maker": (
                "自己署名、または使用するプログラム自身が作成したものです。そのプログラムが別の証明書を作成します。"
            ),
            "template": (
                "テンプレートから、新しいキーで新しい証明書を要求し、この証明書を使用していた場所に設定します。方"
                "法は使用についての検出結果に示されています。"
            ),
        },
        "new_by": _NEW_CERTIFICATE_JA,
        "new_way": _NEW_CERTIFICATE_JA,
    },
}
