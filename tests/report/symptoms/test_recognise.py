"""What users type or paste of an error, and what is none."""

from __future__ import annotations

import pytest

from forensics.report.symptoms.recognise import read_symptom


@pytest.mark.parametrize(
    "text",
    [
        "0x80090016",
        "80090016",
        "0X80090016",
        "FFFFFFFF80090016",
        "0xffffffff80090016",
        "-2146893802",
        "2148073494",
        "HRESULT: -2146893802",
        "System error 2148073494.",
        "NTE_BAD_KEYSET",
        "nte_bad_keyset",
        "certutil: -2146893802 (0x80090016 -2146893802 NTE_BAD_KEYSET)",
        "Keyset does not exist",
        "key set does not exist",
        "System.Security.Cryptography.CryptographicException: Keyset does not exist",
        "キー セットがありません",
        "キーセットがありません。",
        '関連する状態コードは "キー セットがありません" でした。',
    ],
)
def test_one_error_in_many_notations(text: str) -> None:
    asked = read_symptom(text)
    assert asked is not None
    assert (asked.code, asked.event_id, asked.called) == (0x80090016, None, "0x80090016 NTE_BAD_KEYSET")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0x8009000b", "NTE_BAD_KEY_STATE"),
        ("Key not valid for use in specified state.", "NTE_BAD_KEY_STATE"),
        ("Bad Data.", "NTE_BAD_DATA"),
        ("Invalid Signature", "NTE_BAD_SIGNATURE"),
        ("オブジェクトは既に存在します", "NTE_EXISTS"),
        ("Access denied.", "NTE_PERM"),
        ("Access is denied.", "E_ACCESSDENIED"),
        ("アクセスが拒否されました", "E_ACCESSDENIED"),
        ("1312", "ERROR_NO_SUCH_LOGON_SESSION"),
        (
            "A specified logon session does not exist. It may already have been terminated.",
            "ERROR_NO_SUCH_LOGON_SESSION",
        ),
        (
            "指定されたログオン セッションは存在しません。 そのセッションは既に終了している可能性があります",
            "ERROR_NO_SUCH_LOGON_SESSION",
        ),
        ("1753", "EPT_S_NOT_REGISTERED"),
        ("There are no more endpoints available from the endpoint mapper.", "EPT_S_NOT_REGISTERED"),
        ("エンドポイント マッパーから使用できるエンドポイントはこれ以上ありません", "EPT_S_NOT_REGISTERED"),
        ("0xC000A002", "STATUS_AUTH_TAG_MISMATCH"),
        ("Cannot find the certificate and private key for decryption.", "CRYPT_E_NO_KEY_PROPERTY"),
        ("Cannot find the certificate and private key to use for decryption.", "CRYPT_E_NO_DECRYPT_CERT"),
        ("NTE_VBS_CANNOT_DECRYPT_KEY", "NTE_VBS_CANNOT_DECRYPT_KEY"),
        ("1057", "Remote Desktop 1057"),
        ("event 1057", "Remote Desktop 1057"),
        ("Event ID: 1058", "Remote Desktop 1058"),
        ("イベント ID: 1057", "Remote Desktop 1057"),
        ("TermService 1055", "Remote Desktop 1055"),
        ("36870", "Schannel 36870"),
        ("Schannel 36870", "Schannel 36870"),
        ("schannel, 36871", "Schannel 36871"),
        ("Event 5061", "Security 5061"),
        (
            "A fatal error occurred when attempting to access the SSL server credential private key. The error code"
            " returned from the cryptographic module is...",
            "Schannel 36870",
        ),
        # The code says more than the event it stands in.
        ("Schannel 36870 0x8009030D", "SEC_E_UNKNOWN_CREDENTIALS"),
    ],
)
def test_what_is_known(text: str, name: str) -> None:
    asked = read_symptom(text)
    assert asked is not None
    assert asked.symptom is not None
    assert asked.symptom.name == name


@pytest.mark.parametrize(
    ("text", "code", "event_id", "called"),
    [
        ("0x80091234", 0x80091234, None, "0x80091234"),
        ("80091234", 0x80091234, None, "0x80091234"),
        ("-2146889164", 0x80091234, None, "0x80091234"),
        ("event 4242", None, 4242, "event 4242"),
    ],
)
def test_what_looks_like_one_and_is_not_known(text: str, code: int | None, event_id: int | None, called: str) -> None:
    asked = read_symptom(text)
    assert asked is not None
    assert (asked.code, asked.event_id, asked.symptom, asked.called) == (code, event_id, None, called)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "web.contoso",
        "CN=web1057.contoso.test",
        "4242",
        "36870.contoso.test",
        "3F2A9C",
        "512846",
        "12345678",
        "5128463CB51FB4BFB5489BA043D6FCE174F6CA79",
        "f686aace6942fb7f7ceb231212eef4a4_0c5b9d5e-1111-2222-3333-444455556666",
        "0c5b9d5e-1111-2222-3333-444455556666",
        "S-1-5-21-2052111302-1275210071-1644491937-1160",
        "CN=Bad Data Ltd",
        "TSSecKeySet1",
        "0x16",
        "...",
    ],
)
def test_what_names_something_else(text: str) -> None:
    assert read_symptom(text) is None


@pytest.mark.parametrize(("text", "is_bare"), [("80090016", True), ("0x80090016", False), ("FFFFFFFF80090016", False)])
def test_eight_digits_alone_may_begin_a_thumbprint(text: str, is_bare: bool) -> None:
    asked = read_symptom(text)
    assert asked is not None
    assert asked.is_bare is is_bare
