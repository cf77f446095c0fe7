"""The row of a contract, collection, refund, activity or customer."""

from uuid import UUID

from sqlalchemy import BigInteger, Index, String, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from services.kpi.tables.columns import Row, key, need, tenant


class RecordRow(Row, table=True):
    """Whose a record is: `leans_on` names the deal and contracts that its owners follow from."""

    __tablename__ = "record"
    __table_args__ = (
        Index("record_owners", "owners", postgresql_using="gin"),
        Index("record_leans_on", "leans_on", postgresql_using="gin"),
    )
    tenant_id: UUID = tenant()
    subject: str = key(String)
    owners: list[UUID] = need(ARRAY(Uuid))
    leans_on: list[str] = need(ARRAY(String))
    log_offset: int = need(BigInteger)
