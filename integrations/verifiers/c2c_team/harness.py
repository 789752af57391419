"""How a seat asks its model: one request for each step, without the steps before.

So prompts are those of the benchmark's prompted teams and do not grow, and every step is a branch of the seat's trace.
To let a seat see its whole conversation instead, give its role the harness "null" of verifiers.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import httpx
import verifiers.v1 as vf
from verifiers.v1.dialects.chat import message_to_wire


@cache
def certificates() -> ssl.SSLContext:
    """The certificates that are trusted, loaded once: it takes longer than a request."""
    return httpx.create_ssl_context()


class StepHarnessConfig(vf.HarnessConfig):
    """There is nothing to set beside what every harness has."""


class StepHarness(vf.Harness[StepHarnessConfig]):
    """Asks from within this process, so that a step needs neither a program nor a sandbox."""

    APPENDS_SYSTEM_PROMPT = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self,
        ctx: vf.ModelContext,
        trace: vf.Trace[Any, Any, Any],
        runtime: vf.Runtime,
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],
        data: vf.TaskData,
    ) -> vf.ProgramResult:
        """Ask what the prompt of `data` says, and nothing else."""
        system, prompt = self.resolve_prompt(data)
        said: list[Any] = [vf.UserMessage(content=prompt)] if isinstance(prompt, str) else list(prompt or [])
        messages = [vf.SystemMessage(content=system), *said] if system else said
        request = {"model": ctx.model, "messages": [message_to_wire(message) for message in messages]}
        async with httpx.AsyncClient(timeout=None, verify=certificates()) as client:
            response = await client.post(
                f"{endpoint}/chat/completions", json=request, headers={"Authorization": f"Bearer {secret}"}
            )
        return vf.ProgramResult(int(response.is_error), "", response.text if response.is_error else "")

    async def resume(
        self,
        ctx: vf.ModelContext,
        trace: vf.Trace[Any, Any, Any],
        runtime: vf.Runtime,
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],
        data: vf.TaskData,
        messages: vf.Messages,
        tool_interception_url: str | None = None,
    ) -> vf.ProgramResult:
        """Ask the messages of this step alone."""
        step = data.model_copy(update={"prompt": messages})
        return await self.launch(ctx, trace, runtime, endpoint, secret, mcp_urls, step)
