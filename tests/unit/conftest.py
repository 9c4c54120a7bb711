# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

from .express_world import world

__all__ = ["world"]  # a fixture for two files


class Result(dict):
    """What a module returned; `failed` tells how it ended."""

    @property
    def failed(self) -> bool:
        return bool(self.get("failed"))


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs a module as Ansible does, with arguments in and JSON out."""

    def run(module: ModuleType, check: bool = False, **args: Any) -> Result:
        capsys.readouterr()
        # A module may set its own umask and environment, and here its process does not end with it.
        mask = os.umask(0o077)
        os.umask(mask)
        arguments = {**args, "_ansible_check_mode": check}
        with patch_module_args(arguments), mock.patch.dict(os.environ), pytest.raises(SystemExit):
            module.main()
        os.umask(mask)
        basic._ANSIBLE_ARGS = None
        return Result(json.loads(capsys.readouterr().out))

    return run
