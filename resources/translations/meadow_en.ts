<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en_US" sourcelanguage="en">
<context>
    <name>Closing</name>
    <message numerus="yes">
        <source>%n session(s) of others move to other computers.</source>
        <translation>
            <numerusform>%n session of others moves to another computer.</numerusform>
            <numerusform>%n sessions of others move to other computers.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n answer(s) under way stop; what is there is kept.</source>
        <translation>
            <numerusform>%n answer under way stops; what is there is kept.</numerusform>
            <numerusform>%n answers under way stop; what is there is kept.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>DiagnosticsPage</name>
    <message numerus="yes">
        <source>Checking for %n second(s)…</source>
        <translation>
            <numerusform>Checking for %n second…</numerusform>
            <numerusform>Checking for %n seconds…</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Models</name>
    <message numerus="yes">
        <source>%n servers</source>
        <translation>
            <numerusform>%n server</numerusform>
            <numerusform>%n servers</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ProblemList</name>
    <message numerus="yes">
        <source>and %n more</source>
        <translation>
            <numerusform>and %n more</numerusform>
            <numerusform>and %n more</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Problems</name>
    <message numerus="yes">
        <source>%n times</source>
        <translation>
            <numerusform>%n time</numerusform>
            <numerusform>%n times</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Share</name>
    <message numerus="yes">
        <source>%n sessions</source>
        <translation>
            <numerusform>%n session</numerusform>
            <numerusform>%n sessions</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n tokens</source>
        <translation>
            <numerusform>%n token</numerusform>
            <numerusform>%n tokens</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Swarm</name>
    <message numerus="yes">
        <source>%n servers</source>
        <translation>
            <numerusform>%n server</numerusform>
            <numerusform>%n servers</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n other peers are known.</source>
        <translation>
            <numerusform>%n other peer is known.</numerusform>
            <numerusform>%n other peers are known.</numerusform>
        </translation>
    </message>
</context>
</TS>
