"""Every query of customers."""

PROJECTION = "customers"
TABLES = (
    "projection_cursor", "subject_version", "tenant_setting", "day", "first_day", "org_head",
    "org_unit", "org_member", "org_membership", "record", "customer", "tier_change", "class_fix",
    "task", "task_assignee", "task_completion", "tier_policy",
)  # fmt: skip
"""What the projection writes; each exists beside the live one too."""
# A version is the end of the page that changed a subject, and pages are cut anew by a rebuild. What
# is not told yet is not in the log.
COMPARED = {table: ("*", "") for table in TABLES if table != "subject_version"} | {
    "task_completion": ("*", "AND told"),
    "tier_policy": ("*", "AND told"),
}
