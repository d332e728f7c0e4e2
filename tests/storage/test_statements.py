"""Every statement of the house is one PostgreSQL can prepare against the migrated schema."""

import importlib
import pkgutil

import asyncpg
import pytest

import storage
from storage import statements
from storage.statements import sql

pytestmark = pytest.mark.stores


def _import_all_of_storage() -> None:
    for module in pkgutil.walk_packages(storage.__path__, "storage."):
        importlib.import_module(module.name)


async def test_every_statement_can_be_prepared(database: asyncpg.Pool) -> None:
    _import_all_of_storage()
    assert statements.ALL, "no statement is registered"
    faults = {}
    async with database.acquire() as connection:
        for name, text in statements.ALL.items():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                faults[name] = str(error)
    assert faults == {}


def test_two_statements_cannot_share_a_name() -> None:
    sql("test_only", "SELECT 1")
    try:
        with pytest.raises(AssertionError, match="test_only"):
            sql("test_only", "SELECT 2")
    finally:
        del statements.ALL["test_only"]
