"""Routes of customers, under /customers/v1. None yet: health, metrics and OpenAPI come with the app."""

from fastapi import APIRouter

router = APIRouter(prefix="/customers/v1")
