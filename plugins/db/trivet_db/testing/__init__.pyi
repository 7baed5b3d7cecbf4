"""What applications with databases are tested with: a transaction around each test, and throw-away databases."""

from .branches import OuterTransactionError
from .counting import counted_statements
from .databases import throwaway_database
from .transaction import rolled_back

__all__ = ["OuterTransactionError", "counted_statements", "rolled_back", "throwaway_database"]
