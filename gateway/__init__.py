"""The gateway: one GraphQL schema over four services, and the only place that joins them.

It promises: an answer within its deadline, with what there is, and an error that names the service
of every part that is missing; a document is read once and refused before it is run when it could
cost too much; nobody is served from another tenant's or another viewer's load; a subscription
moves after every change of its subject. It holds no data and touches no database: it asks the
services over HTTP with the user's own token, and each of them decides what that user may see.
"""
