"""``keymortem recover``: proved keys in PFX files, or as the files of the disk that hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

import forensics
from forensics.cli.messages import FOUND, NOTHING_EXAMINED, say, say_what_was_not_had
from forensics.cli.options import GIVEN_FILE, SOURCE, named_files, source_options_beside_a_password
from forensics.cli.output import emit, refusals_told
from forensics.cli.run import run_examination
from forensics.language import _


@click.command()
@click.argument("source", metavar="SOURCE", type=SOURCE)
@click.argument("subjects", nargs=-1, metavar="[SUBJECT...]")
@click.option("--list", "listed", is_flag=True, help="Write nothing: say from where each key is had, or what lacks.")
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Write the files there.")
@click.option(
    "--as",
    "form",
    type=click.Choice(("pfx", "file")),
    default="pfx",
    help="file: the key file itself, encrypted as on the disk, to be put back on its own Windows; needs no password.",
)
@click.option("--password-file", type=GIVEN_FILE, metavar="FILE", help="Password of the files, first line of FILE.")
@click.option("--legacy", is_flag=True, help="For Windows Server 2016 and older, which import no AES.")
@click.option("--even-not-exportable", is_flag=True, help="Keys too that by their policy are not to be exported.")
@source_options_beside_a_password
@click.pass_context
def recover(
    ctx: click.Context,
    /,
    source: str,
    subjects: tuple[str, ...],
    listed: bool,
    to: Path | None,
    form: Literal["pfx", "file"],
    password_file: Path | None,
    legacy: bool,
    even_not_exportable: bool,
    **options: Any,
) -> None:
    """Write private keys that a disk proves into PFX files, each encrypted with the password that you give.

    This is the one command that lets keys out, and only those that were decrypted and that fit their certificate. A key
    in a TPM, in VBS or on a smart card never is. Each file holds the certificate, its key and the certificates above
    it that the disk has, and goes back into the provider and key set where the key was. A log of names and fingerprints
    is written beside them. Files that exist are never replaced.

    With --as file the key file itself is written, and the file of its master key where Windows misses that, as they lie
    on the disk, deleted ones too: under the name that Windows looks for, with the path, owner, access list and
    attributes they must have and the commands that place them. They are of use only to the Windows of this disk as it
    is today; where they are of none, it says why and writes nothing.

    SUBJECT is a certificate's thumbprint (six digits are enough), a part of its subject, or a key file's name or path.
    --list without one lists all keys.

    Exit codes: 0 every key that was named was had, 1 one was not, 2 wrong usage, 3 nothing could be examined,
    5 the files could not be written.

    \b
    Example:
      keymortem recover disk.vhdx --list
      keymortem recover disk.vhdx web.contoso --to keys --password-file pw.txt
      keymortem recover disk.vhdx web.contoso --to files --as file
    """
    if listed == (to is not None):
        raise click.UsageError(_("say either --to FOLDER, or --list to see what could be written"))
    if to is not None and not subjects:
        raise click.UsageError(_("name the keys that are to be written; keymortem recover SOURCE --list lists them"))
    if form == "file" and (password_file is not None or legacy):
        raise click.UsageError(
            _("--password-file and --legacy are for PFX files; --as file leaves files as the disk has them")
        )
    if form == "pfx" and to is not None and password_file is None:
        raise click.UsageError(_("--to needs --password-file: what is written is encrypted with that password"))
    if password_file is not None:
        named_files().append(password_file)
    if forensics.is_case_file(Path(source)):
        raise click.UsageError(
            _("{source} is a case file, which holds no key; name the disk that it was made of", source=source)
        )

    def recovered(**given: Any) -> forensics.Recovered:
        return forensics.recover(
            source,
            *subjects,
            to=to,
            form=form,
            pfx_password_file=password_file,
            legacy=legacy,
            even_not_exportable=even_not_exportable,
            **given,
        )

    try:
        with refusals_told(to or Path()):
            told = run_examination(recovered, options)
    except forensics.UnknownSubjectError as error:
        for sentence in error.args[1:]:
            say(sentence)
        raise click.UsageError(
            _("{error}; keymortem recover {source} --list lists what there is", error=error.args[0], source=source)
        ) from None
    say_what_was_not_had(told.case)
    if told.case.is_empty:
        ctx.exit(NOTHING_EXAMINED)
    emit(told)
    ctx.exit(0 if told.is_whole else FOUND)
