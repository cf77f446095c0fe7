"""Routes of incentives, under /incentives/v1. None yet: health, metrics and OpenAPI come with the app."""

from fastapi import APIRouter

router = APIRouter(prefix="/incentives/v1")
