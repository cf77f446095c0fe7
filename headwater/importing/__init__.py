"""`headwater import`: an export of a CRM, row by row, through the same doors as everybody.

Nothing here knows a sales rule: `members` states units and people to targets, `records` delivers
rows (deals, contracts, …) to a connection of kpi, whose mapping says what they mean. Both talk HTTP
to a running installation (HEADWATER_URL) or to the same applications in this process.
docs/importing.md is for users.

- `csvfile`: the file, checked whole before its first row leaves.
- `document`: what a members mapping may say. `organisation`: from rows to units and people.
- `access`: how the services are reached, with which token, and what is tried again.
- `people` and `pipeline`: members, and everything else. `outcome` and `report`: what they show.
"""

from headwater.importing.people import members
from headwater.importing.pipeline import records

__all__ = ["members", "records"]
