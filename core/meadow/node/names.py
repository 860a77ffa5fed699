"""Friendly names of peers, made from the peer id alone: the same everywhere, and nobody can choose one."""

from __future__ import annotations

import hashlib

_HOW = (
    "Amber Brave Breezy Bright Calm Clear Cosy Dewy Early Fair Fleet Gentle Glad Golden Green Hardy "
    "Hazel Honest Jolly Keen Kind Late Light Lively Lucky Mellow Merry Mild Misty Mossy Nimble Patient "
    "Plain Proud Quick Quiet Ready Rosy Rustic Sandy Shady Silver Snowy Soft Spry Steady Still Sturdy "
    "Subtle Sunny Swift Tall Tender Tidy Tranquil True Upland Vivid Warm Wild Windy Wise Witty Young"
).split()
_WHAT = (
    "Alder Aspen Aster Bellflower Birch Bluebell Bracken Bramble Briar Broom Burdock Buttercup Campion Chicory "
    "Clover Comfrey Cornflower Cowslip Crocus Daisy Elder Fern Fescue Foxglove Gentian Harebell Hawthorn Heather "
    "Holly Hornbeam Iris Ivy Juniper Larch Lavender Lilac Linden Lupin Mallow Maple Marigold Meadowsweet Mint "
    "Mullein Oak Orchid Pansy Pine Plantain Poppy Primrose Rowan Rush Sage Sedge Sorrel Speedwell Spruce Tansy "
    "Thistle Thyme Vetch Willow Yarrow"
).split()


def friendly_name(peer_id: str) -> str:
    """Two words for a peer: "Quiet Fern". 4096 of them, so two peers may share one; the id decides."""
    digest = hashlib.sha256(peer_id.encode(errors="replace")).digest()
    return f"{_HOW[digest[0] % len(_HOW)]} {_WHAT[digest[1] % len(_WHAT)]}"
