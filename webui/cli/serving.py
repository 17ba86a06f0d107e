"""`terbit up`, `web` and `worker`: what serves."""

import importlib
import ipaddress
import os
import sys
from pathlib import Path

import click

from webui.cli.common import host_option, instance_option, now, opened, port_option


@click.command()
@instance_option
@port_option
@host_option
@click.option("--demo", is_flag=True, help="Make the demo accounts, and listen on this machine only.")
def up(instance: Path, port: int, host: str, demo: bool):
    """Serve everything: pages, worker, timers. Makes the installation where there is none. Ctrl-C stops it."""
    from engine import installation
    from webui import serve

    if demo and not _is_loopback(host):
        raise click.UsageError("--demo has known passwords, so it listens on this machine only (127.0.0.1)")
    if not serve.port_is_free(host, port):
        raise click.ClickException(f"port {port} on {host} is taken; choose another with --port")
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    pe = installation.prepare(instance, now(), demo=demo)
    _refuse_known_passwords(pe, host)
    if not pe.config.get("BASE_URL"):  # for the links in posts and feeds
        os.environ["TERBIT_BASE_URL"] = address
    if demo and not pe.config.get("ALLOWED_HOSTS"):  # no page elsewhere may come in by a name that it made to point here
        os.environ["TERBIT_ALLOWED_HOSTS"] = f"127.0.0.1,localhost,{host}"
    pe.close()
    terbit = [sys.executable, "-m", "webui.cli"]
    commands = {
        "web": [*terbit, "web", "--instance", str(instance), "--host", host, "--port", str(port)],
        "worker": [*terbit, "worker", "--instance", str(instance)],
    }

    def on_ready():
        serve.say(f"ready at {address}" + (", demo accounts with the password terbit-demo" if demo else "") + " (Ctrl-C stops)")

    sys.exit(serve.supervise(commands, lambda: serve.port_answers(host, port), on_ready))


def _refuse_known_passwords(pe, host: str) -> None:
    from engine import installation

    if not _is_loopback(host) and (known := installation.demo_accounts(pe)):
        raise click.ClickException(f"everybody knows the password of {', '.join(known)}: an administrator gives them others, or makes "
                                   "them inactive, before this installation listens beyond this machine")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@click.command()
@instance_option
@port_option
@host_option
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes.", envvar="TERBIT_WEB_WORKERS")
@click.option("--threads", type=click.IntRange(1), default=8, show_default=True, help="Threads of each.", envvar="TERBIT_WEB_THREADS")
def web(instance: Path, port: int, host: str, workers: int, threads: int):
    """Serve the pages and REST only."""
    from engine import logs
    from webui import PARTS, create_app, serve

    logs.configure()
    with opened(instance) as pe:
        _refuse_known_passwords(pe, host)
    serve.share_counts()
    for part in PARTS:  # before the fork: their memory is shared, and a worker that died is soon replaced
        importlib.import_module(f"webui.{part}")
    serve.stop_with_supervisor()
    serve.serve_web(lambda: create_app(instance), host, port, workers=workers, threads=threads)


@click.command()
@instance_option
def worker(instance: Path):
    """Do the jobs only: publications, timers."""
    from engine import worker as celery_worker
    from webui import serve

    serve.stop_with_supervisor()
    with opened(instance) as pe:
        celery_worker.main(pe)
