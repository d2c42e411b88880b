"""Asking again, a moment later, for clients that do not do so themselves, as Ollama's does not: an httpx transport.

What passes by itself is tried again: nobody listens yet, too many requests, a server that is overloaded or starting.
A request that was answered in part is not.
"""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus

import httpx

WAITS_S = (0.5, 1.0)
"""How long to wait before each further try; they double, as those of OpenAI's client do."""
PASSING = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class Patient(httpx.HTTPTransport):
    """Sends a request up to three times."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raises what the last try raised."""
        for wait in WAITS_S:
            try:
                response = super().handle_request(request)
            except httpx.ConnectError:
                time.sleep(wait)
                continue
            if response.status_code not in PASSING:
                return response
            response.close()
            time.sleep(wait)
        return super().handle_request(request)


class AsyncPatient(httpx.AsyncHTTPTransport):
    """Does the same in an event loop."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raises what the last try raised."""
        for wait in WAITS_S:
            try:
                response = await super().handle_async_request(request)
            except httpx.ConnectError:
                await asyncio.sleep(wait)
                continue
            if response.status_code not in PASSING:
                return response
            await response.aclose()
            await asyncio.sleep(wait)
        return await super().handle_async_request(request)
