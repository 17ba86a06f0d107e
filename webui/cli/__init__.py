"""`terbit`, the command line: bring an installation up, look after it, and take it along.

Every command takes `--instance DIR`. What goes wrong in an expected way is one line on standard error and exit code 1;
wrong usage is exit code 2.
"""

import os

import click

from webui.cli import accounts, evidence, integrity, models, serving, upkeep
from webui.cli.common import Group


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="terbit", prog_name="terbit")
def main():
    """Terbit runs an office's written procedures as BPMN processes."""
    os.umask(0o027)  # what it writes is no business of the machine's other users


for command in (serving.up, serving.web, serving.worker, models.deploy, models.sop, accounts.user, upkeep.db, upkeep.backup,
                upkeep.restore, upkeep.doctor, evidence.evidence, evidence.sample_data, integrity.archive, integrity.audit):
    main.add_command(command)
