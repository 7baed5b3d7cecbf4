"""What the test kit takes statements for."""

import pytest

from trivet_db.testing.sql import Effect, effect_of, split_script, with_mark

STATEMENTS = {
    Effect.READS: [
        "SELECT 1",
        "  select a from b",
        "(SELECT 1) UNION (SELECT 2)",
        "-- a comment\nSELECT 1",
        "/* another */ /* and more */ SELECT last_update FROM deleted_rows",
        "SELECT a FROM b FOR UPDATE",
        "SELECT a FROM b FOR NO KEY UPDATE OF b",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "SHOW TABLES",
        "PRAGMA table_info(task)",
        "SET LOCAL app.tenant = 'a'",
    ],
    Effect.WRITES: [
        "INSERT INTO a VALUES (1)",
        "WITH a AS (INSERT INTO b VALUES (1) RETURNING id) SELECT * FROM a",
        "SELECT * INTO b FROM a",
        "CALL f()",
        "REPLACE INTO a VALUES (1)",
        "CREATE TEMPORARY TABLE a (id INT)",
        "",
        "§",
    ],
    Effect.DEFINES: ["CREATE TABLE a (id INT)", "alter table a add b int", "TRUNCATE a", "DROP TABLE a"],
    Effect.BEGINS: ["BEGIN", "BEGIN IMMEDIATE", "START TRANSACTION"],
    Effect.COMMITS: ["COMMIT", "commit;", "END"],
    Effect.ROLLS_BACK: ["ROLLBACK", "rollback work"],
    Effect.MARKS: [
        "SAVEPOINT a",
        "RELEASE a",
        "RELEASE SAVEPOINT a;",
        "ROLLBACK TO a",
        "rollback to savepoint a",
        "ROLLBACK WORK TO SAVEPOINT a",
    ],
}


@pytest.mark.parametrize(
    ("statement", "effect"), [(one, effect) for effect, statements in STATEMENTS.items() for one in statements]
)
def test_a_statement_has_an_effect(statement: str, effect: Effect) -> None:
    assert effect_of(statement) is effect


def test_a_savepoint_gets_another_name() -> None:
    assert with_mark("SAVEPOINT one", "a_") == "SAVEPOINT a_one"
    assert with_mark("  release  one ;", "a_").split() == ["release", "a_one"]


def test_a_script_is_split_where_its_statements_end() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM c; END;"
    assert list(split_script(f"INSERT INTO a VALUES ('x;y');{trigger} SELECT 1")) == [
        "INSERT INTO a VALUES ('x;y');",
        trigger,
        " SELECT 1",
    ]
