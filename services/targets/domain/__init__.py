"""The rules of the organisation: values in, values out."""
