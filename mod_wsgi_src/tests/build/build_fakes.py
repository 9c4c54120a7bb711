# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for the slow parts: an httpd that is a handful of headers, and a module that is one C file."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

BUNDLED = "2.4.99"  # version of the fake that pip installs
SYSTEM = "2.4.90"  # version of the fake that PATH leads to
MAGIC = (20120211, 142)

# Enough of a module to need Python, httpd's headers and apr's.
STUB_SOURCE = """\
#include <Python.h>
#include "httpd.h"
#include "apr.h"
#include "apu.h"

#define VISIBLE __attribute__((visibility("default")))

VISIBLE const char *stub_httpd(void);
VISIBLE const char *stub_httpd(void) { return FAKE_HTTPD FAKE_APR FAKE_APU; }

VISIBLE const char *stub_python(void);
VISIBLE const char *stub_python(void) { return Py_GetVersion(); }

VISIBLE int stub_run(const wchar_t *home, const char *code);
VISIBLE int stub_run(const wchar_t *home, const char *code)
{
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    PyConfig_SetString(&config, &config.home, home);
    Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return PyRun_SimpleString(code);
}
"""


def headers(version: str) -> dict[str, str]:
    patch = version.split(".")[2]
    return {
        "httpd.h": f'#define FAKE_HTTPD "fake-{version}"\n',
        "ap_mmn.h": f"#define MODULE_MAGIC_NUMBER_MAJOR {MAGIC[0]}\n"
        f"#define MODULE_MAGIC_NUMBER_MINOR {MAGIC[1]}  /* 0...n */\n",
        "ap_release.h": "#define AP_SERVER_MAJORVERSION_NUMBER 2\n#define AP_SERVER_MINORVERSION_NUMBER 4\n"
        f"#define AP_SERVER_PATCHLEVEL_NUMBER   {patch}\n",
        "apr-1/apr.h": '#define FAKE_APR "apr"\n',
        "apr-1/apu.h": '#define FAKE_APU "apu"\n',
    }


def httpd_script(version: str) -> str:
    """A program that answers -V as httpd does."""
    return (
        "#!/bin/sh\n"
        f'echo "Server version: Apache/{version} (Fake)"\n'
        f'echo "Server\'s Module Magic Number: {MAGIC[0]}:{MAGIC[1]}"\n'
    )


def config_vars(root: str) -> str:
    return f"""\
exp_bindir = {root}/bin
exp_sbindir = {root}/bin
exp_libexecdir = {root}/modules
exp_includedir = {root}/include
progname = httpd
prefix = {root}
includedir = ${{prefix}}/include
# Flags of a compiler that nobody has here: they must not be used.
CFLAGS = -xO4 -KPIC -DFROM_CFLAGS
EXTRA_CPPFLAGS = -D_REENTRANT
EXTRA_INCLUDES = -I$(includedir) -I. -I{root}/include/apr-1
APR_CONFIG = {root}/bin/apr-1-config
"""


def httpd_files(version: str, root: str) -> dict[str, str]:
    files = {f"include/{name}": text for name, text in headers(version).items()}
    files["build/config_vars.mk"] = config_vars(root)
    files["bin/httpd"] = httpd_script(version)
    files["modules/mod_alias.so"] = files["modules/mod_mpm_event.so"] = ""
    return files


def httpd_wheel(directory: Path, version: str) -> Path:
    """A wheel with the name and the layout of mod_wsgi-httpd; its prefix is the variable that the real one has."""
    path = directory / f"mod_wsgi_httpd-{version}-py3-none-any.whl"
    dist_info = f"mod_wsgi_httpd-{version}.dist-info"
    files = {"mod_wsgi_packages/__init__.py": "", "mod_wsgi_packages/httpd/__init__.py": ""}
    for name, text in httpd_files(version, "${mod_wsgi_httpd_prefix}").items():
        files[f"mod_wsgi_packages/httpd/{name}"] = text
    files[f"{dist_info}/METADATA"] = f"Metadata-Version: 2.1\nName: mod_wsgi-httpd\nVersion: {version}\n"
    files[f"{dist_info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{dist_info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{dist_info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100755 if "/bin/" in name else 0o100644) << 16
            archive.writestr(entry, text)
    return path


def system_httpd(root: Path, version: str = SYSTEM) -> Path:
    """An httpd below `root`, with an apxs that names its directory as the real script does."""
    files = httpd_files(version, str(root))
    files["bin/apxs"] = f'#!/bin/sh\nmy $installbuilddir = "{root}/build";\necho apxs must not be run >&2\nexit 1\n'
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if name.startswith("bin/") else 0o644)
    return root


def stub_tree(tree: Path, target: Path) -> Path:
    """A copy of the source tree with the stub for a module."""
    ignore = shutil.ignore_patterns("__pycache__", "module", "tests")
    shutil.copytree(tree, target, ignore=ignore)
    source = target / "module/apache/stub.c"
    source.parent.mkdir(parents=True)
    source.write_text(STUB_SOURCE)
    return target


LOADER_SOURCE = """\
#include <dlfcn.h>
#include <stdio.h>
#include <wchar.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    void *module = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    if (!module) {
        fprintf(stderr, "%s\\n", dlerror());
        return 1;
    }
    const char *(*version)(void) = (const char *(*)(void))dlsym(module, "stub_python");
    puts(version());
    if (argc < 4)
        return 0;
    fflush(stdout);
    wchar_t home[4096];
    mbstowcs(home, argv[2], 4096);
    int (*run)(const wchar_t *, const char *) = (int (*)(const wchar_t *, const char *))dlsym(module, "stub_run");
    return run(home, argv[3]) ? 1 : 0;
}
"""


def compile_c(target: Path, source: str, *options: object) -> Path:
    """Compiles a C text to `target`."""
    command = ["cc", "-x", "c", "-", "-x", "none", "-o", target, *options]
    done = subprocess.run(list(map(str, command)), input=source, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def same_version_elsewhere(soname: str, directory: str) -> Path | None:
    """A libpython of the same name in another directory of this machine."""
    for place in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"):
        path = Path(place, soname)
        if path.is_file() and not Path(directory).samefile(place):
            return path
    return None
