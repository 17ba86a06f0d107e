"""`terbit user`: accounts."""

import datetime as dt
import sys
from pathlib import Path

import click

from webui.cli.common import Group, instance_option, now, of_office, opened, tenant_option


@click.group(cls=Group)
def user():
    """Accounts."""


@user.command("add")
@instance_option
@tenant_option
@click.argument("id")
@click.option("--name", help="The person's name, as pages show it; the id where not given.")
@click.option("--title", default="", help="Their office (jabatan).")
@click.option("--email", default="")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="May be given several times: pelaksana, sub-bagian, ketua-divisi, "
              "web-admin, process-owner, admin, analyst.")
@click.option("--password-stdin", is_flag=True, help="Take the password from the first line of standard input.")
def user_add(instance: Path, tenant: str | None, id: str, name: str | None, title: str, email: str, groups: tuple[str, ...],
             password_stdin: bool):
    """Make an account. The password is asked for, unless it comes by --password-stdin."""
    from engine import people

    with opened(instance) as pe:
        acting = of_office(pe, tenant)
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else click.prompt(
            "Password", hide_input=True, confirmation_prompt=True)
        people.create_user(pe, acting, now(), id=id, name=name or id, password=password,
                           title=title, email=email, groups=groups)
    click.echo(f"{id} may sign in")


@user.command("link")
@instance_option
@tenant_option
@click.argument("id")
def user_link(instance: Path, tenant: str | None, id: str):
    """Print a link by which the account ID sets its password: good once, for a week."""
    from engine import password_links

    with opened(instance) as pe:
        secret = password_links.create(pe, of_office(pe, tenant), now(), id)
        click.echo(pe.config.get("BASE_URL", "").rstrip("/") + password_links.path(secret))


@user.command("reset-second-factor")
@instance_option
@tenant_option
@click.argument("id")
@click.option("--reason", required=True, help="Why; it stays in the history.")
def user_reset_second_factor(instance: Path, tenant: str | None, id: str, reason: str):
    """Take away the second factor of the account ID, which sets up a new one when it signs in."""
    from engine import second_factor

    with opened(instance) as pe:
        second_factor.reset(pe, of_office(pe, tenant), now(), id, reason)
    click.echo(f"{id} sets up a new second factor at the next sign-in")


@user.command("token")
@instance_option
@tenant_option
@click.argument("id")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is valid.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(["read", "tasks", "deploy", "admin"]),
              help="What it may, of what the account may; may be given several times. Everything, where not given.")
def user_token(instance: Path, tenant: str | None, id: str, name: str, days: int, scopes: tuple[str, ...]):
    """Make an API token, called NAME, for the account ID, and print it: it cannot be shown again."""
    from engine import api_tokens

    with opened(instance) as pe:
        made = api_tokens.create(pe, of_office(pe, tenant), now(), name=name, user_id=id, expires_at=now() + dt.timedelta(days=days),
                                   scopes=scopes or tuple(api_tokens.SCOPES))
    click.echo(made["token"])
