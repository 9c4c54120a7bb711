# SPDX-License-Identifier: Apache-2.0
"""The collection of this checkout, importable as ansible_collections.modwsgi.toolkit, and the checkout's paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

CHECKOUT = Path(__file__).resolve().parent.parent

_AnsibleCollectionFinder(paths=[str(CHECKOUT / "collections")])._install()


@pytest.fixture(scope="session")
def checkout() -> Path:
    return CHECKOUT
