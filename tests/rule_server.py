"""A chat-completions server on loopback that answers by rule from the prompt it gets, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import struct
import sys
import threading
import time
from collections import Counter
from contextlib import suppress

MODEL = "rule"
KEY = "sk-marker-8d1f0c"  # must never be seen anywhere


class RuleServer:
    """Serves in a thread of its own.

    Attributes:
        url: for `base_url`.
        delay: seconds before every answer.
        fault: called with the number of the request (from 0) and its body; the name of a method `fault_...` or None.
        rule: from a body to the content of the answer.
        prompts: all that was asked, as text, in order; answered: those whose answer was sent whole.
        bodies: of all questions, in order; headers: of all requests, by their names in small letters, in order.
        keys: Authorization headers that came.
        times: when each request came.
        most: requests that were under way at once, at most; busy: seconds of all of them.
    """

    def __init__(self):
        self.delay, self.fault, self.rule = 0.0, lambda number, body: None, answer_by_rule
        self.prompts, self.answered, self.keys, self.times = [], Counter(), set(), []
        self.bodies, self.headers = [], []
        self.under_way = self.most = 0
        self.busy = 0.0
        self.models = [MODEL]
        self.hold = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/v1"

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def close(self):
        async def end():
            self.server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        if not self.loop.is_closed():
            self._run(end())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
            self.loop.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- HTTP ------------------------------------------------------------------------------------------------

    async def _serve(self, reader, writer):
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        with suppress(Exception):
            writer.close()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.keys.add(headers.get("authorization", ""))
        self.headers.append(headers)
        if lines[0].startswith("GET /stats"):
            return await self.send(writer, {"asked": len(self.prompts), "most": self.most, "busy": self.busy})
        if lines[0].startswith("GET"):
            return await self.send(writer, {"object": "list", "data": [{"id": one} for one in self.models]})
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        start = time.monotonic()
        try:
            return await self._answer(writer, json.loads(body))
        finally:
            self.under_way -= 1
            self.busy += time.monotonic() - start

    async def _answer(self, writer, body):
        number = len(self.prompts)
        prompt = prompt_of(body)
        self.prompts.append(prompt)
        self.bodies.append(body)
        self.times.append(time.monotonic())
        if self.delay:
            await asyncio.sleep(self.delay)
        fault = self.fault(number, body)
        if fault:
            return await getattr(self, f"fault_{fault}")(writer, body)
        going_on = await self.send(writer, completion(self.rule(body), prompt))
        self.answered[prompt] += 1
        return going_on

    async def send(self, writer, content, status="200 OK", headers=(), kind="application/json"):
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(raw)}", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + raw)
        await writer.drain()
        return True

    # --- faults ----------------------------------------------------------------------------------------------

    async def fault_status_429(self, writer, body):
        return await self.send(writer, error("slow down"), "429 Too Many Requests", ["retry-after: 1"])

    async def fault_status_429_for_an_hour(self, writer, body):
        return await self.send(writer, error("slow down"), "429 Too Many Requests", ["retry-after: 3600"])

    async def fault_status_500(self, writer, body):
        return await self.send(writer, error("oops"), "500 Internal Server Error")

    async def fault_status_400(self, writer, body):
        said = f"context too long, key {', '.join(self.keys)}"
        return await self.send(writer, error(said), "400 Bad Request")

    async def fault_status_401(self, writer, body):
        said = f"bad key {', '.join(self.keys)}"
        return await self.send(writer, error(said), "401 Unauthorized")

    async def fault_status_404(self, writer, body):
        return await self.send(writer, error(f"no model {body['model']} for {', '.join(self.keys)}"), "404 Not Found")

    async def fault_reset(self, writer, body):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False

    async def fault_slow(self, writer, body):
        await asyncio.sleep(30)
        return False

    async def fault_held(self, writer, body):
        while not self.hold.is_set():
            await asyncio.sleep(0.01)
        return await self.send(writer, completion(self.rule(body), ""))

    async def fault_cut_http(self, writer, body):
        raw = json.dumps(completion(self.rule(body), "")).encode()
        return await self.send(writer, raw[: len(raw) // 2])

    async def fault_not_http(self, writer, body):
        return await self.send_raw(writer, b"SSH-2.0-OpenSSH_9.2\r\n")

    async def fault_a_longer_body_promised(self, writer, body):
        return await self.send_raw(writer, b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n{")

    async def fault_drop_by_drop(self, writer, body):
        await self.send_raw(writer, b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n")
        while True:
            await self.send_raw(writer, b"{")
            await asyncio.sleep(0.02)

    async def fault_old_http(self, writer, body):
        raw = json.dumps(completion(self.rule(body), "")).encode()
        return await self.send_raw(writer, b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + raw)

    async def fault_zipped(self, writer, body):
        raw = gzip.compress(json.dumps(completion(self.rule(body), "")).encode())
        return await self.send(writer, raw, headers=["content-encoding: gzip"])

    async def fault_long_id(self, writer, body):
        return await self.send(writer, {**completion(self.rule(body), ""), "id": "x" * 1_000_000})

    async def fault_events(self, writer, body):
        part = {"choices": [{"index": 0, "delta": {"content": self.rule(body)}, "finish_reason": "stop"}]}
        raw = f"data: {json.dumps(part)}\n\ndata: [DONE]\n\n".encode()
        return await self.send(writer, raw, kind="text/event-stream")

    async def send_raw(self, writer, raw):
        """Bytes as they are; the connection is over after them."""
        writer.write(raw)
        await writer.drain()
        return False

    async def fault_not_utf8(self, writer, body):
        return await self.send(writer, b'{"choices": [{"message": {"content": "\xff\xfe"}}]}')

    async def fault_html(self, writer, body):
        return await self.send(writer, b"<html>Bad gateway</html>", kind="text/html")

    async def fault_no_choices(self, writer, body):
        return await self.send(writer, {**completion("", ""), "choices": []})

    async def fault_tool_call(self, writer, body):
        return await self.call(writer, self.rule(body))

    async def fault_tool_call_twice(self, writer, body):
        return await self.call(writer, self.rule(body), self.rule(body))

    async def fault_two_tool_calls(self, writer, body):
        return await self.call(writer, self.rule(body), json.dumps(choice(work="s99")))

    async def fault_wrong_tool(self, writer, body):
        return await self.call(writer, self.rule(body), name="get_weather")

    async def fault_old_function_call(self, writer, body):
        return await self.say(
            writer, {"content": None, "function_call": {"name": "choice", "arguments": self.rule(body)}}
        )

    async def fault_tool_call_of_an_object(self, writer, body):
        return await self.call(writer, json.loads(self.rule(body)))

    async def call(self, writer, *arguments, name="choice"):
        calls = [
            {"id": str(n), "type": "function", "function": {"name": name, "arguments": one}}
            for n, one in enumerate(arguments)
        ]
        return await self.say(writer, {"content": None, "tool_calls": calls})

    async def fault_closing_think(self, writer, body):
        said = f"The options are {{work, wait}}. I work.\n</think>\n\n{self.rule(body)}"
        return await self.say(writer, {"content": said})

    async def fault_parts(self, writer, body):
        whole = self.rule(body)
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": "{"}]}
        parts = [thought, {"type": "text", "text": whole[:9]}, {"type": "text", "text": whole[9:]}]
        return await self.say(writer, {"content": parts})

    async def fault_whole_and_cut(self, writer, body):
        return await self.say(writer, {"content": self.rule(body) + "\n I chose so beca"}, finish="length")

    async def fault_only_reasoning(self, writer, body):
        return await self.say(writer, {"content": "", "reasoning_content": "Hm, "}, finish="length")

    async def fault_answer_in_reasoning(self, writer, body):
        return await self.say(writer, {"content": "", "reasoning_content": self.rule(body)})

    async def fault_no_more_room(self, writer, body):
        return await self.say(writer, {"content": self.rule(body)[:-4]}, finish="model_length")

    async def fault_filtered(self, writer, body):
        return await self.say(writer, {"content": ""}, finish="content_filter")

    async def fault_refusal_part(self, writer, body):
        return await self.say(writer, {"content": [{"type": "refusal", "refusal": "No."}]})

    async def fault_reasoning(self, writer, body):
        return await self.say(writer, {"content": self.rule(body), "reasoning_content": '{"work": "s999"}'})

    async def fault_thinking(self, writer, body):
        return await self.say(writer, {"content": f"<think>{{perhaps}}</think>\n{self.rule(body)}"})

    async def fault_refusal(self, writer, body):
        return await self.say(writer, {"content": None, "refusal": "I would rather not."})

    async def fault_empty(self, writer, body):
        return await self.say(writer, {"content": "  "})

    async def fault_cut_json(self, writer, body):
        return await self.say(writer, {"content": self.rule(body)[:-4]}, finish="length")

    async def fault_broken_json(self, writer, body):
        return await self.say(writer, {"content": self.rule(body)[:-4]})

    async def fault_prose(self, writer, body):
        return await self.say(writer, {"content": f"Let me see.\n{self.rule(body)}\nThat is what I do."})

    async def fault_fence(self, writer, body):
        return await self.say(writer, {"content": f"```json\n{self.rule(body)}\n```"})

    async def fault_two_objects(self, writer, body):
        return await self.say(writer, {"content": f"{self.rule(body)} or {json.dumps(choice(work='s99'))}"})

    async def fault_the_same_twice(self, writer, body):
        return await self.say(writer, {"content": f"{self.rule(body)} so {self.rule(body)}"})

    async def fault_wrong_enum(self, writer, body):
        return await self.say(writer, {"content": json.dumps(choice(speech="shout"))})

    async def fault_no_such_agent(self, writer, body):
        content = choice(speech="chat_tell", recipient="worker_99", topic="s0")
        return await self.say(writer, {"content": json.dumps(content)})

    async def fault_no_such_subtask(self, writer, body):
        return await self.say(writer, {"content": json.dumps(choice(work="s99"))})

    async def fault_forbidden(self, writer, body):
        content = choice(speech="chat_tell", recipient=who(body), topic="s0")  # to oneself
        return await self.say(writer, {"content": json.dumps(content)})

    async def fault_huge(self, writer, body):
        return await self.say(writer, {"content": json.dumps(choice(text="x" * 200_000))})

    async def fault_echo(self, writer, body):
        """The key, sent back in an answer."""
        content = json.dumps({**choice(), "text": " ".join(self.keys)})
        return await self.say(writer, {"content": content})

    async def say(self, writer, message, finish="stop"):
        return await self.send(writer, completion("", "", message, finish))


def error(message):
    return {"error": {"message": message, "type": "test", "code": None}}


def completion(content, prompt, message=None, finish="stop"):
    said = {"role": "assistant", **(message or {"content": content})}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [{"index": 0, "message": said, "finish_reason": finish}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


def prompt_of(body):
    return "\n".join(message["content"] for message in body["messages"])


def who(body):
    """The agent that is asked, from the end of its prompt."""
    return re.findall(r"^You are (\w+)\.", prompt_of(body), re.MULTILINE)[-1]


def form_of(body):
    """Name of the form that is asked for."""
    if "response_format" in body and "json_schema" in body["response_format"]:
        return body["response_format"]["json_schema"]["name"]
    return body["tools"][0]["function"]["name"] if "tools" in body else "choice"


# --- the rule ---------------------------------------------------------------------------------------------------


def choice(work=None, speech="silent", recipient=None, topic=None, text=""):
    return {"work": work, "speech": speech, "recipient": recipient, "topic": topic, "text": text}


def answer_by_rule(body):
    """A sensible answer to whatever form is asked for."""
    form, prompt = form_of(body), prompt_of(body)
    if form == "score":
        return json.dumps({"score": 0.25})
    if form == "performance":
        views = re.split(r"^=== View of \w+ ===$", prompt, flags=re.MULTILINE)[1:]
        actions = [{"agent": name_in(view), **choose(view)} for view in views]
        return json.dumps({"personas": ["all"], "brainstorm": ["go"], "revision": "fine", "actions": actions})
    chosen = choose(body["messages"][-1]["content"])
    if form == "mustspeak" and chosen["speech"] == "silent":
        chosen |= say_something(body["messages"][-1]["content"], chosen["work"])
    extra = {
        "work": {},
        "choice": {},
        "mustspeak": {},
        "intended": {"intention": "work", "expected_gain": 0.2, "cost_hours": 0.1},
        "reasoned": {"thought": f"I think of {chosen['work']}."},
        "remembering": {"memory": [update(chosen)] if chosen["work"] else []},
    }[form]
    return json.dumps({**extra, **({"work": chosen["work"]} if form == "work" else chosen)})


def say_something(view, work):
    """A message of one who has nothing to say."""
    to = re.search(r"^- recipient: (\w+)", view, re.MULTILINE).group(1)
    topic = re.search(r"^- topic: (\w+)", view, re.MULTILINE).group(1)
    return choice(work, "chat_tell", to, topic, "Nothing new.")


def update(chosen):
    return {"intent": "new", "node": f"{chosen['work']}.state", "value": "begun", "source": "board", "depends_on": []}


def name_in(view):
    return re.search(r"^You are (\w+)\.", view, re.MULTILINE).group(1)


def choose(view):
    """Go on with one's own, else take the free one that suits best; answer, and ask the manager once."""
    if view.startswith("me "):
        return choose_tersely(view)
    me = name_in(view)
    legal = re.search(r"^- work: (.*), null$", view, re.MULTILINE)
    ready = legal.group(1).split(", ") if legal else []
    _, head, rows = view.partition("\nsubtask,status,")
    columns, *lines = [row.split(",") for row in (head + rows).strip().partition("\n\n")[0].split("\n")]
    board = {line[0]: dict(zip(columns, line, strict=True)) for line in lines}
    skills = re.search(r"^You are \w+\. Your skill: (.*)\.$", view, re.MULTILINE)
    parts = [part.partition(" for ") for part in (skills.group(1) if skills else "").split("; ")]
    skill_for = {k: float(skill) for skill, _, names in parts for k in names.split(", ") if k}
    mine = [k for k in ready if board[k]["owner"] == me]
    free = [k for k in ready if board[k]["owner"] == "-"] or ready
    free.sort(key=lambda k: -skill_for[k])
    work = mine[0] if mine else free[0] if free else None
    asked = re.search(r"^- (\w+) asks you about (s\d+), ", view, re.MULTILINE)
    if "speech: silent, " not in view:
        return choice(work)
    if asked:
        return choice(
            work, "chat_tell", asked.group(1), asked.group(2), f"{me} knows of {asked.group(2)}: all is well."
        )
    wants = work and me != "manager_0" and "you asked manager_0" not in view and "last read from manager_0" not in view
    if wants:
        return choice(work, "chat_ask", "manager_0", work, f"What is wanted of {work}?")
    return choice(work)


def choose_tersely(view):
    """The same by the words of the terse text, but for who suits best."""
    rows = dict(re.findall(r"\b(s\d+) (open|mine)\b", view))
    work = next((name for kind in ("mine", "open") for name in rows if rows[name] == kind), None)
    asked = re.search(r"\basks (\w+) (s\d+)", view)
    if view.endswith(" mute"):
        return choice(work)
    if asked:
        return choice(work, "chat_tell", asked.group(1), asked.group(2), "All is well.")
    if work and "me manager_0" not in view and "asked manager_0" not in view and " u9 " not in view:
        return choice(work, "chat_ask", "manager_0", work, f"What is wanted of {work}?")
    return choice(work)


if __name__ == "__main__":
    with RuleServer() as alone:
        alone.delay = float(sys.argv[1])
        print(alone.url, flush=True)
        sys.stdin.read()  # until whoever started it goes away
