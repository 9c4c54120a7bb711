# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The functional suite with a module that was compiled with the sanitizers. A report fails the test whose server made it.

# sanitized_suite DIRECTORY PYTEST_ARGUMENT...: builds the module there.
sanitized_suite() {
    directory=$1
    shift
    module=$(PYTHONPATH="$CHECKOUT/mod_wsgi_src/tests" python - "$directory" <<'TEXT'
import sys
from pathlib import Path

from harness import building

flags = "-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined"
print(building.module(Path(sys.argv[1]), flags))
TEXT
    ) || return
    # httpd and Python are not compiled with them: the libraries come first, and what these two never free is no leak of ours.
    MOD_WSGI_MODULE=$module \
        MOD_WSGI_TEST_PRELOAD="$(cc -print-file-name=libasan.so) $(cc -print-file-name=libubsan.so)" \
        ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
        python -m pytest -q -ra --color=no -p no:cacheprovider -n 2 --dist loadfile --basetemp="$directory/pytest" "$@"
}
