"""The rules of customers: values in, values out."""
