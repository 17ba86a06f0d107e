"""`terbit deploy` and `sop`: procedures, and procedures on paper."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

from bpmn.check import DIAGRAMS
from webui.cli.common import Group, instance_option, now, of_office, opened, tenant_option


@click.command()
@instance_option
@tenant_option
@click.option("--name", help="What to call the deployment; the folder's, ZIP's or first file's name where not given.")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def deploy(instance: Path, tenant: str | None, name: str | None, paths: tuple[Path, ...]):
    """Put models in force: folders, ZIPs, or files (.bpmn, .dmn, .form) that go together.

    Each folder that holds a diagram is one model, also below the one that is named, as in a git repository. The same
    files again make no new version.
    """
    from engine.commands import deploy as put_in_force

    models = list(_models(paths))
    with opened(instance) as pe:
        acting = of_office(pe, tenant)
        for default_name, files, left_out in models:
            if left_out:
                click.echo(f"{default_name}: left out {', '.join(left_out)}", err=True)
            made = put_in_force(pe, acting, now(), name=name or default_name, resources=files, source="terbit deploy")
            for definition in made.definitions:
                click.echo(f"{definition['key']}: version {definition['version']}, of {len(files)} files")
            if not made.definitions:
                click.echo(f"{default_name}: nothing new")
            elif made.failing:
                click.echo(f"{default_name}: scenarios go another way now: {', '.join(made.failing)}", err=True)


def _models(paths: tuple[Path, ...]) -> Iterator[tuple[str, dict[str, bytes], list[str]]]:
    """(name, files, names of what was left out) of each model in the paths."""
    from bpmn import package

    single = [path for path in paths if path.is_file() and path.suffix.lower() != ".zip"]
    for path in paths:
        if path.is_dir():
            yield from _in_folder(path)
        elif path.suffix.lower() == ".zip":
            yield path.stem, *package.unpack(path.read_bytes(), path.name)
    if single:
        yield single[0].stem, *_read(single)


def _in_folder(folder: Path) -> Iterator[tuple[str, dict[str, bytes], list[str]]]:
    found = False
    for place, folders, names in os.walk(folder):  # it follows no links
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        if any(each.endswith(DIAGRAMS) for each in names):
            found = True
            here = Path(place)
            yield here.resolve().name, *_read([here / each for each in sorted(names) if not each.startswith(".")])
    if not found:
        raise click.ClickException(f"{folder}: no diagram (.bpmn) in it")


def _read(files: list[Path]) -> tuple[dict[str, bytes], list[str]]:
    """The files of a model among these, and the names of the others. A link is left out: it may lead anywhere."""
    from bpmn import package

    of_model = [path for path in files if path.name.endswith((*DIAGRAMS, ".dmn", ".form")) and not path.is_symlink()]
    found = {path.name: path.read_bytes() for path in of_model}
    if len(found) < len(of_model):
        raise click.ClickException("two of the files have the same name")
    package.check_all(found)
    return found, [path.name for path in files if path not in of_model]


@click.group(cls=Group)
def sop():
    """Procedures on paper."""


@sop.command("print")
@instance_option
@tenant_option
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write: .pdf or .docx.")
@click.option("--process", "key", default="", help="The process's id, where FILE holds several.")
@click.argument("source", metavar="KEY_OR_FILE")
def sop_print(instance: Path, tenant: str | None, output: Path, key: str, source: str):
    """Print a procedure as an SOP: that of a .bpmn file, or the version of a key that is in force."""
    from engine import letterhead, queries, settings, sop_docx, sop_paper

    make = {".pdf": sop_paper.pdf, ".docx": sop_docx.docx_of}.get(output.suffix.lower())
    if make is None:
        raise click.UsageError("the output is a .pdf or a .docx file")
    logo = None
    if Path(source).is_file():
        diagram = Path(source).read_bytes()
        key = key or sop_paper.process_in(diagram, file=source).key
    else:
        with opened(instance) as pe:
            acting, key = of_office(pe, tenant), source
            diagram = queries.definition_xml(pe, acting, key, now())
            logo = letterhead.logo_of(pe, settings.get(pe, acting.tenant)["letterhead"])
    output.write_bytes(make(diagram, key, logo))
    click.echo(f"{output}: {output.stat().st_size / 1e3:.0f} kB")
