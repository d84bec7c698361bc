"""How a block of commands says for which shell it is."""

from __future__ import annotations

from forensics.tables.finding import Shell

_LABELS: dict[str, dict[Shell, str]] = {
    "en": {
        "administrator": "# PowerShell as administrator",
        "user": "# PowerShell as the user whose store it is, not elevated",
        "analyst": "# where keymortem runs",
        "unchecked": "# as the rule pack has it, not checked",
    },
    "ja": {
        "administrator": "# PowerShell (管理者として実行)",
        "user": "# PowerShell (ストアの所有者であるユーザーとして、昇格せずに実行)",
        "analyst": "# keymortem を実行するコンピューター",
        "unchecked": "# ルール パックに書かれたままのもの (未確認)",
    },
}


def shell_label(shell: Shell, language: str) -> str:
    """Return the line that stands above a block of commands; it is a comment to the shell."""
    return _LABELS[language][shell]
