"""Words for how a new certificate is had, ``certificate.new_by``: in a list, and instead of one whose key is dead."""

from __future__ import annotations

IN_A_LIST = {
    "": "ask its issuer for a new one",
    "guardian": "made again as the findings about guardians say; the old one stays, with its key",
    "own_authority": "renewed by the owners of the authority; the old one stays, with its key",
    "exchange_auth": "made by Exchange, once for all its servers; the old one stays until they have the new one",
    "ndes": "requested anew together with the other one of NDES; both stay until then",
    "network_unlock": (
        "made on the server that unlocks, and handed out by group policy; the old one stays until clients have it"
    ),
    "role": "renewed by the procedure of its role; the old one stays, with its key",
    "efs_agent": (
        "made anew in the policy that hands it out (cipher /r); the old one stays, with its key, for what it recovers"
    ),
    "policy": "handed out by the domain: renewed in the policy, not on this computer",
    "remote_desktop": "made by Remote Desktop itself",
    "encryption": (
        "issued anew, by what issued it, for what is encrypted from now on; the old one stays, with its key, for what "
        "was encrypted before"
    ),
    "replaced": "another one has taken over, and nothing has to be done",
    "successor": "a working certificate with its names is there, and is to be set in its place",
    "mdm": "made again by the MDM while the device is enrolled; else enrol it again",
    "entra": "made again by Entra ID while the device is registered; else register it again",
    "acme": "got again by the ACME client that got it",
    "program": "made again by the program that made it",
    "maker": "signed with its own key: no authority renews it, what made it makes a new one",
    "service_store": "requested in the snap-in Certificates (mmc), for the account of that service",
    "auto_enrolment": "auto-enrolment, which a policy switches on, makes it: let it look now, then read what it logs",
    "renewal": "renewed, for it is valid and its key opens",
    "template": "requested anew from its template, for what has ended or does not open its key is not renewed",
    "names": (
        "requested anew with its names in the request, which its template takes from there (certlm.msc, All "
        "Tasks > Request New Certificate)"
    ),
    "issuer": "this disk tells no template by which it could be requested: ask its issuer for a new one",
}
INSTEAD_OF_A_DEAD_KEY = {
    "": (
        "have it issued again by its CA or MDM, for a new request with a new key, and set the new one where "
        "this one is used."
    ),
    "guardian": (
        "a guardian's certificate stays where it is. No authority issues it, and neither a new pair nor a new "
        "key protector opens a virtual TPM that exists. Where another host or a PFX file has the pair, bring "
        "it from there; else the disks go into a new virtual machine, with BitLocker's recovery key."
    ),
    "own_authority": (
        "a certificate of an authority stays where it is, and is not requested like others. Its key comes "
        "back from a backup of the authority or from its HSM; without either, its owners renew the authority "
        "with a new key."
    ),
    "exchange_auth": (
        "the Exchange Auth certificate stays where it is. Exchange makes a new one itself, once for all its "
        "servers (New-ExchangeCertificate, Set-AuthConfig)."
    ),
    "ndes": "the certificates of NDES stay where they are until both have been requested anew, as a pair.",
    "network_unlock": (
        "a new certificate for BitLocker Network Unlock is made on the server that unlocks, and group policy "
        "hands out its public half; until then clients ask for a PIN or the recovery key. Keep this one until "
        "they have the new one."
    ),
    "role": (
        "its role makes another one by its own procedure. This one stays where it is, with what is left of its key."
    ),
    "efs_agent": (
        "a recovery agent of EFS is made anew in the policy that hands it out, once for all computers (cipher "
        "/r). A new one recovers nothing of before: keep this one, and what is left of its key."
    ),
    "policy": (
        "the domain hands it out: it is made anew in the policy, not on this computer. This one stays where it is."
    ),
    "remote_desktop": (
        "Remote Desktop makes its certificate by itself. Where its listener uses this one, the finding "
        "rdp-key-unusable says how it makes another; nothing else needs it."
    ),
    "encryption": (
        "a new certificate opens nothing that was encrypted for this one. Have one issued for what is "
        "encrypted from now on, and keep this one and what is left of its key."
    ),
    "replaced": "nothing needs to be issued, a newer certificate has taken over.",
    "successor": "a working certificate with its names is there already: set that one where this one is used.",
    "mdm": "the MDM issues it to a device that is enrolled anew; a synchronisation signs in with the dead one.",
    "entra": (
        "the device registers anew: dsregcmd /forcerecovery where it is joined to Entra ID; where it is "
        "joined to a domain as well, dsregcmd /debug /leave and a new sign-in. Have a local administrator and "
        "the BitLocker recovery key at hand before: without them nobody may get in afterwards."
    ),
    "acme": "the ACME client that got it gets another one; see that the client sets it, too.",
    "program": "the program that made it makes another one.",
    "maker": "it is signed with its own key, so no authority issues it: what made it makes another one.",
    "service_store": (
        "request a new one in the snap-in Certificates (mmc), for the account of that service: no command "
        "reaches its store."
    ),
    "auto_enrolment": "auto-enrolment makes another one: let it look now, then read what it logs.",
    "renewal": "renew it while it is valid, for its key opens.",
    "template": (
        "request a new one from its template, with a new key, and set it where this one is used; the findings "
        "about its uses say how."
    ),
    "names": (
        "request a new one from its template, with a new key and with its names, which the template takes "
        "from the request (certlm.msc, for a user certmgr.msc, All Tasks > Request New Certificate), and set "
        "it where this one is used; the findings about its uses say how."
    ),
    "issuer": (
        "have it issued again by its CA or MDM, for a new request with a new key, and set the new one where "
        "this one is used."
    ),
}
IN_A_LIST_JA = {
    "": "発行者に新しいものを依頼します",
    "guardian": "ガーディアンに関する検出結果のとおりに作り直します。古いものは秘密キーとともに残します",
    "own_authority": "証明機関の管理者が更新します。古いものは秘密キーとともに残します",
    "exchange_auth": "すべてのサーバーのために Exchange が一度だけ作成します。行き渡るまで古いものを残します",
    "ndes": "NDES のもう一方の証明書と組で新しく要求します。それまで両方とも残します",
    "network_unlock": (
        "ロックを解除するサーバーで作成し、グループ ポリシーで配布します。クライアントに行き渡るまで古いものを残します"
    ),
    "role": "その役割の手順で更新します。古いものは秘密キーとともに残します",
    "efs_agent": "配布元のポリシーで新しく作成します (cipher /r)。古いものは、回復のために秘密キーとともに残します",
    "policy": "ドメインが配布したものです。このコンピューターではなくポリシーで更新します",
    "remote_desktop": "リモート デスクトップが自分で作成します",
    "encryption": (
        "発行したものが新しく発行し、今後の暗号化に使用します。古いものは、以前に暗号化したもののために秘密キーとともに残します"
    ),
    "replaced": "別の証明書に置き換わっており、対応は不要です",
    "successor": "同じ名前の有効な証明書があるので、代わりにそれを設定します",
    "mdm": "デバイスの登録中は MDM が作り直します。そうでなければ登録し直します",
    "entra": "デバイスの登録中は Entra ID が作り直します。そうでなければ登録し直します",
    "acme": "取得した ACME クライアントが取得し直します",
    "program": "作成したプログラムが作り直します",
    "maker": "自己署名です。機関は更新しません。作成したものが新しいものを作ります",
    "service_store": "スナップイン「証明書」(mmc) で、そのサービスのアカウント用に要求します",
    "auto_enrolment": "ポリシーで有効な自動登録が作成します。今すぐ実行し、ログを確認してください",
    "renewal": "有効で秘密キーが開けるので更新します",
    "template": "テンプレートから新しく要求します。期限切れのもの、秘密キーが開けないものは更新できません",
    "names": "テンプレートは名前を要求から取得します。名前を指定して新しく要求します (certlm.msc)",
    "issuer": "要求に使うテンプレートがこのディスクからわかりません。発行者に新しいものを依頼します",
}
INSTEAD_OF_A_DEAD_KEY_JA = {
    "": (
        "CA または MDM に、新しいキーによる新しい要求で再発行してもらい、この証明書を使用していた場所に新しい"
        "証明書を設定します。"
    ),
    "guardian": (
        "ガーディアンの証明書はそのまま残してください。証明機関が発行するものではなく、新しい組でも新しいキー "
        "プロテクターでも、既存の仮想 TPM は開けません。別のホストまたは PFX ファイルにその組があれば、そこか"
        "ら持ってきます。なければ、ディスクを新しい仮想マシンに移し、BitLocker の回復キーを使用します。"
    ),
    "own_authority": (
        "証明機関の証明書はそのまま残し、ほかの証明書のように要求し直さないでください。キーは証明機関のバック"
        "アップまたは HSM から復元します。どちらもない場合は、証明機関の管理者が新しいキーで証明機関を更新し"
        "ます。"
    ),
    "exchange_auth": (
        "Exchange 認証証明書はそのまま残してください。新しいものは、すべてのサーバーのために Exchange で一度"
        "だけ作成します (New-ExchangeCertificate、Set-AuthConfig)。"
    ),
    "ndes": "NDES の証明書は、両方を組で新しく要求し終えるまで、そのまま残してください。",
    "network_unlock": (
        "BitLocker ネットワーク ロック解除の新しい証明書は、ロックを解除するサーバーで作成し、公開部分をグル"
        "ープ ポリシーで配布します。それまでクライアントは PIN または回復キーを求めます。行き渡るまで、この証"
        "明書を残してください。"
    ),
    "role": "その役割の手順で新しいものを作成します。この証明書と、キーの残りはそのまま残してください。",
    "efs_agent": (
        "EFS の回復エージェントは、配布元のポリシーで、すべてのコンピューターのために一度だけ新しく作成します "
        "(cipher /r)。新しいエージェントで以前のファイルは回復できません。この証明書と、キーの残りを保管して"
        "ください。"
    ),
    "policy": (
        "ドメインが配布したものです。このコンピューターではなく、ポリシーで新しく作成します。この証明書はその"
        "まま残してください。"
    ),
    "remote_desktop": (
        "リモート デスクトップは証明書を自分で作成します。リスナーがこの証明書を使用している場合は、検出結果 "
        "rdp-key-unusable に作り直す方法が示されています。ほかに必要とするものはありません。"
    ),
    "encryption": (
        "新しい証明書では、この証明書で暗号化したものを開けません。今後暗号化するもののために新しい証明書の発"
        "行を受け、この証明書と、キーの残りを保管してください。"
    ),
    "replaced": "発行は不要です。新しい証明書が引き継いでいます。",
    "successor": "同じ名前の有効な証明書がすでにあります。この証明書を使用していた場所にそれを設定します。",
    "mdm": "MDM は、登録し直したデバイスに発行します。同期では、使用不能な証明書でサインインすることになります。",
    "entra": (
        "デバイスを登録し直します。Entra 参加では dsregcmd /forcerecovery、ハイブリッド参加では dsregcmd /deb"
        "ug /leave と新しいサインインです。事前にローカル管理者と BitLocker 回復キーを用意してください。ない"
        "と、だれもサインインできなくなるおそれがあります。"
    ),
    "acme": "取得した ACME クライアントが別の証明書を取得します。クライアントがそれを設定することも確認してください。",
    "program": "作成したプログラムが別の証明書を作成します。",
    "maker": "自己署名のため、発行する機関はありません。作成したものが別の証明書を作成します。",
    "service_store": (
        "スナップイン「証明書」(mmc) で、そのサービスのアカウント用に新しく要求します。そのストアに届くコマン"
        "ドはありません。"
    ),
    "auto_enrolment": "自動登録が別の証明書を作成します。今すぐ実行し、ログを確認してください。",
    "renewal": "キーが開けるので、有効なうちに更新します。",
    "template": (
        "テンプレートから、新しいキーで新しい証明書を要求し、この証明書を使用していた場所に設定します。方法は"
        "使用についての検出結果に示されています。"
    ),
    "names": (
        "テンプレートから、新しいキーで、名前を指定して新しい証明書を要求し (テンプレートは名前を要求から取得"
        "します。certlm.msc、ユーザーの場合は certmgr.msc)、この証明書を使用していた場所に設定します。方法は"
        "使用についての検出結果に示されています。"
    ),
    "issuer": (
        "CA または MDM に、新しいキーによる新しい要求で再発行してもらい、この証明書を使用していた場所に新しい"
        "証明書を設定します。"
    ),
}
