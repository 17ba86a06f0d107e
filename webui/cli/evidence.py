"""`terbit evidence` and `sample-data`: the analyst's figures."""

import datetime as dt
import sys
from pathlib import Path

import click

from webui.cli.common import Group, instance_option, now, of_office, opened, tenant_option


@click.group(cls=Group)
def evidence():
    """The analyst's figures."""


@evidence.command("rebuild")
@instance_option
@tenant_option
def evidence_rebuild(instance: Path, tenant: str | None):
    """Count all ended cases of an office anew, from the history: the same figures come of it."""
    from engine.evidence import rollup

    with opened(instance) as pe:
        count = rollup.rebuild(pe, of_office(pe, tenant).tenant, lambda counted: click.echo(f"{counted} cases", err=True))
    click.echo(f"{count} cases counted")


@evidence.command("export")
@instance_option
@tenant_option
@click.option("--format", "form", type=click.Choice(["xes", "csv", "xlsx", "parquet"]), default="xes", show_default=True)
@click.option("--what", type=click.Choice(["cases", "activities"]), default="activities", show_default=True,
              help="A line for each case, or for each thing done in one (csv, xlsx, parquet).")
@click.option("--key", default="penerbitan-informasi", show_default=True, help="The procedure.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Cases that ended on this day or later.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Cases that ended on this day or earlier.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
def evidence_export(instance: Path, tenant: str | None, form: str, what: str, key: str, since: dt.datetime | None,
                    until: dt.datetime | None, output: Path):
    """Write ended cases for process mining tools (XES), spreadsheets and BI tools, in flat memory however many they are."""
    from engine.evidence import out, out_files
    from engine.evidence.figures import Scope

    def told(cases: int, total: int) -> None:
        if cases % 10_000 == 0 or cases >= total:
            click.echo(f"{cases} of {total} cases", err=True)

    scope = Scope(key, since.date() if since else None, until.date() if until else None)
    with opened(instance) as pe:
        found = out.export(pe, of_office(pe, tenant), now(), scope, form, what, told)
        with output.open("wb") as file:
            out_files.write(file, found, form, what)
    click.echo(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


@evidence.command("bi-role")
@instance_option
@click.argument("name")
def evidence_bi_role(instance: Path, name: str):
    """Let a PostgreSQL role read the views for BI tools (docs/bi.md) and nothing else; it is made where there is none."""
    from engine.evidence import views

    with opened(instance) as pe, pe.db.begin() as db:
        is_new = views.let_read(db, name)
        click.echo(f"{name} may read the views bi_* of this database, of all its offices.")
    if is_new:
        click.echo(f"It has no password yet: give it one in psql with \\password {name}")


@click.command("sample-data")
@instance_option
@click.option("--tenant", default="contoh", show_default=True, help="The office to write into; made where there is none.")
@click.option("--cases", type=click.IntRange(1, 2_000_000), default=3000, show_default=True)
@click.option("--years", type=click.FloatRange(0.1, 20), default=5, show_default=True, help="How far back they reach.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same history.")
@click.option("--among-real-cases", "among_real", is_flag=True, help="Write into an office that has real cases. They cannot be told apart "
              "by the figures, and nothing takes them out again.")
def sample_data(instance: Path, tenant: str, cases: int, years: float, seed: int, among_real: bool):
    """Make up an office's history, to try the analyst's pages with. It is marked as made up wherever it shows."""
    from engine.evidence import rollup, sample

    with opened(instance) as pe, click.progressbar(length=cases, file=sys.stderr) as written:
        sample.make(pe, now(), tenant, cases=cases, years=years, seed=seed, among_real=among_real,
                    told=lambda made: written.update(len(made)))
        while rollup.count_some(pe, tenant, limit=1000):
            pass
    click.echo(f"{cases} made-up cases in the office {tenant}; for somebody to look at them: terbit user add --tenant {tenant} "
               "--group analyst NAME")
