"""Requests for certificates, examined whole: answered beside the request, given up, and long past their own dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import forensics
from forensics.tables.finding import as_text
from testdata.builder.capi import Slot
from testdata.builder.certs import (
    CAPI_SCHANNEL,
    MACHINE_KEYSET,
    Certificate,
    key_prov_info,
    make_certificate,
)
from testdata.builder.keys import rsa_key
from testdata.builder.machine import machine

AS_OF = datetime(2026, 11, 29, tzinfo=UTC)
MADE, ENDED = datetime(2025, 1, 5, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)


def request(name: str, key: str) -> Certificate:
    """The throw-away certificate that stands for a request: signed by itself, and long past its end."""
    return make_certificate(name, rsa_key(key), not_before=MADE, not_after=ENDED, self_signed=True)


ANSWERED, GIVEN_UP = request("shop.example", "2048-03"), request("old.example", "2048-04")
ANSWER = make_certificate("shop.example", rsa_key("2048-03"), not_after=datetime(2028, 3, 4, tzinfo=UTC))


def _examined(folder: Path, store: str, *, keys: bool) -> forensics.Case:
    """Examine a machine with an answered request and one that was given up.

    Args:
        folder: Where to write it.
        store: How the store of requests is spelt.
        keys: The keys of the requests are there.
    """
    forged = machine("requests")
    forged.put_capi("of no certificate", exchange=Slot(rsa_key("2048-05")))
    for number, (certificate, key) in enumerate(((ANSWERED, "2048-03"), (GIVEN_UP, "2048-04"))):
        container = f"request-{number}"
        if keys:
            forged.put_capi(container, exchange=Slot(rsa_key(key)))
        link = key_prov_info(container, CAPI_SCHANNEL, type_=12, flags=MACHINE_KEYSET, key_spec=1)
        forged.put_certificate(certificate, link=link, store=store)
    forged.put_certificate(ANSWER)
    for file in forged.volume():
        if file.data is not None:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.path).write_bytes(file.data)
    return forensics.examine(folder, as_of=AS_OF)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> forensics.Case:
    return _examined(tmp_path_factory.mktemp("requests"), "REQUEST", keys=True)


def test_however_the_store_is_spelt(tmp_path: Path) -> None:
    found = {f.rule: [s.id for s in f.subjects] for f in _examined(tmp_path, "Request", keys=True).finding_list}
    assert found["request-not-accepted"] == [ANSWER.thumbprint]
    assert found["request-without-answer"] == [GIVEN_UP.thumbprint]


def test_a_request_whose_key_is_gone_takes_no_answer(tmp_path: Path) -> None:
    case = _examined(tmp_path, "REQUEST", keys=False)
    about = {
        certificate.thumbprint: [f for f in case.finding_list if certificate.thumbprint in {s.id for s in f.subjects}]
        for certificate in (ANSWER, ANSWERED, GIVEN_UP)
    }
    [answer] = about[ANSWER.thumbprint]
    assert (answer.rule, answer.severity) == ("certificate-without-key", "medium")
    assert about[ANSWERED.thumbprint] == []
    [given_up] = about[GIVEN_UP.thumbprint]
    assert given_up.rule == "request-without-answer"
    assert "Windows does not open its key, there is no key file" in as_text(given_up.because)
    assert "make a new request" in as_text(given_up.remedy)
    assert "certreq -accept" not in as_text(given_up.remedy)


def test_a_request_has_no_end(case: forensics.Case) -> None:
    stores = {row.thumbprint: row.store for row in case.rows("key_chain") if row.thumbprint}
    assert stores == {ANSWERED.thumbprint: "REQUEST", GIVEN_UP.thumbprint: "REQUEST", ANSWER.thumbprint: "MY"}
    soon = forensics.expiring(case, timedelta(days=1000))
    assert [chain.thumbprint for chain in soon.chains] == [ANSWER.thumbprint]
    text = forensics.render(case, "text")
    assert (
        "Of 3 certificates that have or should have a private key: 1 broken, 2 usable, 0 undecided, 0 expired." in text
    )
    assert "expired 2026-01-05" not in text
    assert not {f.rule for f in case.finding_list if "expir" in f.rule}


def test_an_answer_that_was_not_accepted(case: forensics.Case) -> None:
    [finding] = [f for f in case.finding_list if ANSWER.thumbprint in {s.id for s in f.subjects}]
    assert (finding.rule, finding.severity) == ("request-not-accepted", "high")
    assert "waits in the store REQUEST of the computer" in as_text(finding.because)
    assert f'certreq -accept -machine "{ANSWER.thumbprint}.cer"' in as_text(finding.remedy)


def test_a_request_that_was_given_up_is_information(case: forensics.Case) -> None:
    [finding] = [f for f in case.finding_list if f.rule == "request-without-answer"]
    assert ([s.id for s in finding.subjects], finding.severity) == ([GIVEN_UP.thumbprint], "info")


@pytest.mark.parametrize("format", ["ics", "prom", "html"])
def test_no_other_output_waits_for_the_end_of_a_request(case: forensics.Case, format: str) -> None:
    told = forensics.render(case, format)
    if format == "html":
        assert "expired 2026-01-05" not in told
    else:
        assert GIVEN_UP.thumbprint not in told.upper()
        assert ANSWER.thumbprint in told.upper()
