"""Under which heading a chat stands in the list: Today, Yesterday, Previous 7 days, then months."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import QCoreApplication, QDate, QLocale


def heading(used: float, now: float) -> str:
    """``used`` and ``now``: Unix seconds; days are those of this machine's clock."""
    then, today = datetime.fromtimestamp(used).date(), datetime.fromtimestamp(now).date()
    if then >= today:  # a clock that was set back makes no chat of tomorrow
        return QCoreApplication.translate("ChatList", "Today")
    if then == today - timedelta(days=1):
        return QCoreApplication.translate("ChatList", "Yesterday")
    if then >= today - timedelta(days=7):
        return QCoreApplication.translate("ChatList", "Previous 7 days")
    month = QLocale().standaloneMonthName(then.month)
    name = month[:1].upper() + month[1:]
    return name if then.year == today.year else f"{name} {QLocale().toString(QDate(then.year, 1, 1), 'yyyy')}"
