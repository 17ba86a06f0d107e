"""`terbit db`, `backup`, `restore` and `doctor`: looking after an installation, and taking it along."""

import sys
from pathlib import Path

import click

from webui.cli.common import Group, instance_option, now, opened, system_user


@click.group(cls=Group)
def db():
    """The database."""


@db.command("upgrade")
@instance_option
def db_upgrade(instance: Path):
    """Bring the database to this version's tables; makes the installation where there is none."""
    from engine import installation

    installation.prepare(instance, now(), by=system_user()).close()
    click.echo("the database is up to date")


@click.command()
@instance_option
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(1), help="FILE is a folder: keep the newest so many backups in it, delete older ones.")
def backup(instance: Path, file: Path, keep: int | None):
    """Write the whole installation into FILE (.tar.gz) while it runs, and read it back. Into a folder: named by the time."""
    from engine.backup import backup as write_backup

    with opened(instance) as pe:
        made = write_backup(pe, file, now(), by=system_user(), keep=keep, **({"progress": _shown} if sys.stderr.isatty() else {}))
    click.echo(f"{made}: {made.stat().st_size / 1e6:.1f} MB; it holds secret.key, so keep it safe")


def _shown(done: int, total: int) -> None:
    """One line on a terminal, written over and over."""
    click.echo(f"\r{done / 1e6:.0f} of {total / 1e6:.0f} MB, {100 * done // max(total, 1)} %", err=True, nl=done >= total)


@click.command()
@instance_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(instance: Path, file: Path):
    """Put a backup into an empty installation folder."""
    from engine import installation
    from engine.backup import restore as put_back

    pe = put_back(file, instance)
    if installation.is_current(pe):  # else its tables are not this version's yet
        installation.tell(pe, system_user(), now(), "backup.restored", {"file": file.name})
    pe.close()
    click.echo(f"{instance} is as it was; terbit doctor --instance {instance} checks it")


@click.command()
@instance_option
def doctor(instance: Path):
    """Check the installation, and say what to do about what is wrong."""
    from webui import doctor as checks

    with opened(instance, current=False) as pe:
        findings = checks.examine(pe, now())
    for finding in findings:
        click.echo(f"{'ok  ' if finding.ok else 'note' if finding.ok is None else 'BAD '}  {finding.what}")
        if finding.advice:
            click.echo(f"      → {finding.advice}")
    sys.exit(any(finding.ok is False for finding in findings))
