"""What all services share and no sales rule is in: money, periods, errors, HTTP, storage, tokens.

The kit imports nobody of ours.
"""
