"""`terbit archive` and `audit`: whether what is kept is as it was written."""

from pathlib import Path

import click

from webui.cli.common import Group, english, instance_option, now, opened


@click.group(cls=Group)
def archive():
    """The archive of what was published."""


@archive.command("verify")
@instance_option
@click.option("--tenant", default=None, help="One office only.")
def archive_verify(instance: Path, tenant: str | None):
    """Check every entry's hash and every file's; exit code 1 if anything was changed or is missing."""
    from engine.archive import verify

    with opened(instance) as pe:
        problems = verify(pe, tenant)
    for problem in problems:
        click.echo(f"{problem.tenant}: {english(problem.message) % problem.params}", err=True)
    if problems:
        raise click.ClickException(f"{len(problems)} problem(s) in the archive")
    click.echo("the archive is whole")


@click.group(cls=Group)
def audit():
    """The history of who did what when."""


@audit.command("verify")
@instance_option
@click.option("--known", multiple=True, metavar="NUMBER:HASH", help="A seal that was written down earlier, as the audit page or "
              "`terbit audit head` gave it. May be given several times.")
def audit_verify(instance: Path, known: tuple[str, ...]):
    """Check every seal and every event; exit code 1 if anything was changed, removed, inserted or put in another order."""
    from engine import audit_chain

    count = 0
    with opened(instance) as pe:
        for problem in audit_chain.verify(pe, dict(_seal(each) for each in known)):
            count += 1
            click.echo(english(problem.message) % problem.params, err=True)
        if count:
            raise click.ClickException(f"{count} problem(s) in the history")
        audit_chain.seal(pe, now(), seconds=60)
        last = audit_chain.last_seal(pe)
    click.echo(f"the history is whole; its last seal is {last}")


@audit.command("head")
@instance_option
def audit_head(instance: Path):
    """Print the last seal, NUMBER:HASH, to be kept elsewhere: who rewrites the history cannot end it in this."""
    from engine import audit_chain

    with opened(instance) as pe:
        audit_chain.seal(pe, now(), seconds=60)
        click.echo(audit_chain.last_seal(pe))


def _seal(text: str) -> tuple[int, str]:
    number, _colon, hash = text.strip().partition(":")
    if not number.isdigit() or len(hash) != 64:
        raise click.BadParameter(f"{text!r} is not NUMBER:HASH", param_hint="--known")
    return int(number), hash
