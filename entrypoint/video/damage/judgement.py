"""Which packets are right: from facts about each packet to what a loss costs its neighbours."""

from __future__ import annotations

import math
from dataclasses import replace

from entrypoint.video.damage.structure import Shape
from entrypoint.video.decoding.packets import Packet, jumps

LONGEST_REORDERING = 32
"""Packets after which a decoder has output a frame (H.264 and H.265 allow 16)."""


def take_hints(packets: list[Packet]) -> None:
    """Where the decoder or the container's structure says that something is lost, hints tell what else is."""
    for packet in packets:
        packet.corrupt |= packet.suspect
        if packet.facts.doubtful:
            packet.facts = replace(packet.facts, sound=False)


def take_checksums(packets: list[Packet], shape: Shape) -> None:
    """Where a checksum does not fit and the decoder does not tell which packets are wrong, any of them may be."""
    for first, end in shape.broken_spans:
        inside = [packet for packet in packets if packet.pos is not None and first <= packet.pos < end]
        if not any(packet.damaged for packet in inside):
            for packet in inside:
                packet.corrupt = True


def suspect_neighbours(packets: list[Packet]) -> None:
    """A hole that breaks a packet began in the one before, in the order of the file."""
    placed = all(p.pos is not None and p.pos >= 0 for p in packets)  # not in MPEG streams
    order = sorted(packets, key=lambda p: p.pos or 0) if placed else packets
    broken = [p.failed or not p.found or not p.facts.sound for p in order]
    for place, is_bad in enumerate(broken):
        if is_bad:
            for before in order[max(0, place - (1 if placed else 2)) : place]:
                before.corrupt = True


def suspect_jumps(shape: Shape, packets: list[Packet]) -> None:
    if shape.jumps_tell:
        for before, packet in jumps(packets):
            before.corrupt = packet.after_loss = True


def judge(packets: list[Packet]) -> list[bool]:
    """For each packet, in decoding order, whether its picture must be right."""
    if all(
        packet.facts.restart and (packet.key_frame or not packet.frames) for packet in packets if packet.facts.sound
    ):
        return _without_swallowed(packets, [not packet.damaged for packet in packets])
    right: list[bool] = []
    sound, leading = True, False
    for packet in packets:
        sound &= not packet.after_loss
        if not packet.damaged and packet.facts.restart and packet.key_frame:
            leading = packet.facts.restart == "open" and (not sound or leading)
            sound = True
        elif leading and packet.frames and not packet.both_ways:
            leading = False
        # B-frames right behind an open restart are shown before it, and need what came before it
        behind_open_restart = leading and not packet.key_frame
        right.append(sound and not packet.damaged and not behind_open_restart)
        if packet.damaged and not _is_harmless(packet):
            sound = False
    return _without_swallowed(packets, right)


def _without_swallowed(packets: list[Packet], right: list[bool]) -> list[bool]:
    """A decoder that gives an error may swallow frames that waited to be put out: they are not there."""
    last_damage = math.inf
    for place in range(len(packets) - 1, -1, -1):
        packet = packets[place]
        if packet.damaged:
            last_damage = place
        elif not packet.frames and last_damage - place <= LONGEST_REORDERING:
            right[place] = False
    return right


def _is_harmless(packet: Packet) -> bool:
    """No other frame needs it, and its bytes prove that they say so themselves."""
    return packet.found and packet.facts.sound and not packet.facts.reference
