"""What keeps a statement from being approved or closed (method.md 3.10)."""

from services.kit.errors import Conflict


class StatementClosed(Conflict):
    """A closed statement changes no more."""

    code = "statement_closed"


class StatementNotApproved(Conflict):
    """Only an approved statement can be closed, and approval is of the figures that it had."""

    code = "statement_not_approved"


class PeriodRunning(Conflict):
    """A statement is approved and closed after its period."""

    code = "period_running"


class OwnStatement(Conflict):
    """Nobody approves or closes their own pay."""

    code = "own_statement"
