"""What each sender of webhooks does its own way, one module per standard or vendor, all pure.

A module verifies the sender's signature over the raw body, names what makes an item unique
(`DEDUPE`, `item_key`) and turns the delivery into plain values. It opens nothing and calls nobody.
"""
