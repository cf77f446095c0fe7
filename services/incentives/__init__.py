"""incentives owns compensation plans, credits and statements: who earned what, why, and how much.

Credits follow from won deals, their splits and refunds in kpi's log; statements from credits and
the plan in force. They are live: each entry of the log that concerns them changes them in the
transaction that takes it. A closed statement is never changed; what later events change of it
becomes adjustment lines of the next open one. Every line can be worked out again from its inputs.
It reads nothing of the other services at run time, and tells the log what was activated, approved
and closed.
"""
