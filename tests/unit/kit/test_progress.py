"""Waiting for a projection to move: woken by a move, by a notice, and let go when all ends."""

import asyncio

from services.kit.projection import Progress


async def test_a_move_wakes_who_waits_for_its_tenant_alone():
    progress = Progress()
    acme, bolt = (asyncio.create_task(progress.wait(name, 30)) for name in ("acme", "bolt"))
    await asyncio.sleep(0)
    progress.moved("acme", 7)
    await acme
    assert not bolt.done()
    progress.heard("bolt:3")
    await bolt


async def test_an_old_move_wakes_nobody():
    progress = Progress()
    progress.moved("acme", 7)
    waiting = asyncio.create_task(progress.wait("acme", 30))
    await asyncio.sleep(0)
    progress.moved("acme", 7)
    assert not waiting.done()
    progress.heard("")
    await waiting


async def test_closing_lets_go_of_who_waits_and_of_who_comes():
    progress = Progress()
    waiting = [asyncio.create_task(progress.wait(name, 30)) for name in ("acme", "bolt")]
    await asyncio.sleep(0)
    progress.close()
    await asyncio.gather(*waiting)
    await progress.wait("acme", 30)
    assert progress.is_closing
