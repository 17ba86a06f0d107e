"""A real WordPress for tests, from Debian's packages: `with running(folder, permalinks="pretty") as site:`.

Needs the packages wordpress, php-cli, php-mysql, php-gd, php-xml, and a MariaDB on 127.0.0.1 with root and an
empty password. Each has its own database, which is dropped at the end. It makes no HTTP request of its own.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DEBIAN = Path("/usr/share/wordpress")
PERMALINKS = {"pretty": "/%year%/%monthnum%/%postname%/", "plain": ""}

CONFIG = """<?php
define('DB_NAME', '{database}'); define('DB_USER', 'root'); define('DB_PASSWORD', ''); define('DB_HOST', '127.0.0.1');
define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT']
         as $name) define($name, hash('sha256', '{database}' . $name));
define('WP_HOME', '{url}'); define('WP_SITEURL', '{url}'); define('WP_CONTENT_DIR', __DIR__ . '/wp-content');
define('WP_ENVIRONMENT_TYPE', 'local'); define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true);
define('WP_AUTO_UPDATE_CORE', false); define('AUTOMATIC_UPDATER_DISABLED', true); define('WP_DEBUG', false);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""

ROUTER = """<?php
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($path !== '/' && is_file(__DIR__ . $path)) return false;
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = '/index.php';
$_SERVER['SCRIPT_FILENAME'] = __DIR__ . '/index.php';
require __DIR__ . '/index.php';
"""

THEME = """<!doctype html><html <?php language_attributes(); ?>><head><meta charset="utf-8"><title><?php wp_title(''); ?></title>
<?php wp_head(); ?></head><body><?php while (have_posts()) { the_post(); ?><article><h1><?php the_title(); ?></h1>
<?php the_post_thumbnail(); the_content(); ?></article><?php } ?></body></html>
"""

INSTALL = """
define('WP_INSTALLING', true);
function wp_new_blog_notification() {}
require 'wp-load.php'; require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Kantor Uji', 'webadmin', 'webadmin@example.org', true, '', 'sandi-masuk');
update_option('permalink_structure', '%s'); update_option('timezone_string', 'Asia/Jakarta');
switch_theme('uji'); flush_rewrite_rules();
wp_insert_user(['user_login' => 'penulis', 'user_pass' => 'x', 'role' => 'author']);
wp_insert_user(['user_login' => 'kontributor', 'user_pass' => 'x', 'role' => 'contributor']);
$passwords = [];
foreach (get_users() as $user)
    $passwords[$user->user_login] = WP_Application_Passwords::create_new_application_password($user->ID, ['name' => 'terbit'])[0];
echo json_encode($passwords);
"""


@dataclass(frozen=True)
class WordPressServer:
    url: str
    folder: Path
    passwords: dict[str, str]  # application passwords of `webadmin` (administrator), `penulis` (author), `kontributor`
    user: str = "webadmin"

    @property
    def password(self) -> str:
        return self.passwords[self.user]

    @property
    def host(self) -> str:
        """As it stands in allowed_private_hosts."""
        return self.url.removeprefix("http://")

    def php(self, code: str) -> str:
        """What the code prints, run inside this WordPress."""
        return _php(self.folder, f"require 'wp-load.php'; {code}")

    def posts(self) -> list[dict]:
        """Every post that is not the one which WordPress brings, whatever its status."""
        code = "get_posts(['numberposts' => -1, 'post_status' => 'any', 'exclude' => [1]])"
        return json.loads(self.php(f"echo json_encode({code});"))


@contextmanager
def running(folder: Path, permalinks: str = "pretty") -> Iterator[WordPressServer]:
    """An installed and served WordPress with pretty or plain permalinks."""
    database = f"terbit_wp_{uuid.uuid4().hex[:12]}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    _lay_out(folder, CONFIG.replace("{database}", database).replace("{url}", url))
    _sql(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
    try:
        passwords = json.loads(_php(folder, INSTALL % PERMALINKS[permalinks]).splitlines()[-1])
        with _serving(folder, port):
            yield WordPressServer(url, folder, passwords)
    finally:
        _sql(f"DROP DATABASE {database}")


def _lay_out(folder: Path, config: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for source in DEBIAN.glob("*.php"):
        shutil.copy(source, folder)
    for name in ("wp-admin", "wp-includes"):
        (folder / name).symlink_to(DEBIAN / name)
    theme = folder / "wp-content/themes/uji"
    theme.mkdir(parents=True)
    (theme / "style.css").write_text("/* Theme Name: Uji */")
    (theme / "functions.php").write_text("<?php add_theme_support('post-thumbnails');")
    (theme / "index.php").write_text(THEME)
    (folder / "wp-config.php").write_text(config)
    (folder / "router.php").write_text(ROUTER)


@contextmanager
def _serving(folder: Path, port: int) -> Iterator[None]:
    command = ["php", "-d", "upload_max_filesize=20M", "-d", "post_max_size=20M", "-S", f"127.0.0.1:{port}", "router.php"]
    env = {**os.environ, "PHP_CLI_SERVER_WORKERS": "4"}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(f"http://127.0.0.1:{port}/?rest_route=/", server, folder / "server.log")
            yield
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # its workers too
            server.wait()


def _wait(url: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=20):
                return
        except (urllib.error.URLError, ConnectionError):
            if server.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError(f"WordPress does not answer: {log.read_text()[-2000:]}")


def _php(folder: Path, code: str) -> str:
    done = subprocess.run(["php", "-r", code], cwd=folder, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stdout[-1000:] + done.stderr[-1000:])
    return done.stdout


def _sql(statement: str) -> None:
    subprocess.run(["mariadb", "--no-defaults", "-h", "127.0.0.1", "-u", "root", "-e", statement], check=True, timeout=60)
