<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE" sourcelanguage="en">
<context>
    <name>AboutPage</name>
    <message>
        <source>Meadow %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>With Qt %1. Licence: MIT. © 2026 The Meadow authors.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What it is</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow runs language models that are too large for one computer. Many people&apos;s computers each hold some blocks of a model; yours holds the two ends, and the chat goes through all of them.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It is free software. There is no account, no advertising and no telemetry, and nothing is shared before you say so.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What it is not</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It is not secret: whoever hosts blocks of a public swarm can read what passes through them. Do not write there what strangers must not read.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It is not always right: models make mistakes, and a server that lies can change an answer. Check what matters.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What it is made of</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ApiPage</name>
    <message>
        <source>Programs made for OpenAI&apos;s API can use the models of the swarm through this address. Only programs on this machine can reach it.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Base URL</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Many programs call it OPENAI_BASE_URL.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The node does not run.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>File with the token</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Its content is what programs call the API key. Whoever has it may use your node: treat it like a password. For a new one, quit Meadow, delete the file, and start Meadow.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Banner</name>
    <message>
        <source>Close this message</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>BlockPicture</name>
    <message>
        <source>All together</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Servers of %1. %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>BlockRow</name>
    <message>
        <source>● You</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>BrokenSettings</name>
    <message>
        <source>The settings file cannot be used</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Until then nothing can be answered or shared. Your chats are safe; they are kept elsewhere. Setting the file aside only renames it.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open the folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Try again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Set it aside and start with the defaults</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Chat</name>
    <message>
        <source>The demo is starting; that takes some seconds.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>New chat</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Chat deleted: {title}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow is starting. You can write already.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow&apos;s node is gone for the moment; it is looked for. Nothing is lost.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow&apos;s node cannot be started.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Question and what followed it deleted</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Answer and what followed it deleted</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{used} tokens</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{used} of {size} tokens</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This answer failed.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The text so far stays.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow&apos;s node ended while this was being written. The text so far stays.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow&apos;s node ended before this answer began.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>You stopped this answer.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The answer ended because it reached its greatest length.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The model wants to use a tool: {names}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Chat</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This file cannot be read: {why}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This file is larger than 4 MB, which is the most that can be imported at once.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This file is no text in UTF-8, so it holds no chats.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 chat was imported from {file}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number} chats were imported from {file}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Chats can be written to files of this computer only.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Written to {file}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number} of {count}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow&apos;s node does not answer now. The text stays; what comes next is added.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>not up now</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{there} of {total} blocks up</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{blocks} · 1 server</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{blocks} · {servers} servers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Who computes an answer can read the chat. Nobody serves this model now.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The demo runs on this computer: nothing that you write leaves it.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Only this computer serves this model now: nothing that you write leaves it.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The people who run {names} could read this chat: the model runs on their computers.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>its servers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{names} and 1 other</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{names} and {number} others</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{names} and {last}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>computed parts of 1 answer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>computed parts of {number} answers</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ChatList</name>
    <message>
        <source>Today</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Yesterday</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Previous 7 days</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ChooseFolder</name>
    <message>
        <source>Choose the folder of a model</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ChooseScreen</name>
    <message>
        <source>Welcome to Meadow</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow runs language models that are too large for one computer: many people&apos;s computers each hold a part, and yours holds the two ends. There is no account, and nothing is shared or uploaded before you say so.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Chat with the demo on this computer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A very small model, to see how it works. It needs no network.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Join a swarm</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Somebody gave you the address of a swarm: chat with its models.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Look around first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>You can do all of this later, and share this computer when you like.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>CodeBlock</name>
    <message>
        <source>Code</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Code, %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copied</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy code</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ConfirmDialog</name>
    <message>
        <source>Yes</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ContributionCard</name>
    <message>
        <source>What it gave</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>24 hours</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>30 days</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Tokens over time</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: %2 tokens</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>As a plot</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>As a table</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Today</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>In all</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ContributionPlot</name>
    <message>
        <source>%1: %2 tokens</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Contributions</name>
    <message>
        <source>Nothing was served in the last 24 hours.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nothing was served in the last 30 days.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{total} tokens in the last 24 hours, most of them from {when}: {most}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{total} tokens in the last 30 days, most of them on {when}: {most}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>tokens</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>sessions</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>received</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>sent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>of sharing</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Diagnostics</name>
    <message>
        <source>Something does not work. What to do about it is written below.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow works here, but it could work better.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>All is well.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>DiagnosticsPage</name>
    <message>
        <source>Meadow looks at this machine, its disks, its GPU and its way into the swarm. The report holds no secrets, no addresses and nothing of chats.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Also compute with a small model (takes a minute)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Run the checks</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy diagnostics</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copied. Paste it where you ask your question.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Checks are running</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>Checking for %n second(s)…</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>good</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>could be better</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>does not work</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Fact</name>
    <message>
        <source>Copy</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open the folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open the folder of: %1</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Figures</name>
    <message>
        <source>{size}/s</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number} tok/s</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number} %</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number} s</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number} min</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number} h</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{hours} h {minutes} min</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{time} left</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>d MMM</source>
        <comment>a day, as QLocale wants it</comment>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{day}, {time}</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>FormRow</name>
    <message>
        <source>Reset “%1” to the default: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Reset “%1” to the default</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Allowed: %1.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Changed; counts from the next start of the node.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A change counts from the next start of the node.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Folder…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Choose a folder for “%1”</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>GeneralPage</name>
    <message>
        <source>Language</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Colours</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>As the system</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Light</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Dark</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Size of text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Also with %1 and %2.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>When the window is closed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stay in the tray</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quit Meadow</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sharing stops too.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sharing goes on, and the icon in the tray brings the window back. Where there is no tray, the window is only made small.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Notifications</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>While the window is hidden: a finished answer, why sharing paused, a problem.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Hosted</name>
    <message>
        <source>from block {start} on</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>blocks {start}:{end}, {number} of {all}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>blocks {start}:{end}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>starting</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>online</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>joining the swarm again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>finishing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>being started again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>failed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{dtype} on {device}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>next try in {time}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>You, on this computer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{sessions}, for {time}</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>HostedCard</name>
    <message>
        <source>What it hosts</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Who uses it now</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>JoinScreen</name>
    <message>
        <source>Join a swarm</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Paste the address of one of its peers. Whoever runs the swarm can tell you; it begins with a slash.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Address of a peer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Join</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Back</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>LimitsCard</name>
    <message>
        <source>Limits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A change counts the next time that sharing begins.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>LinkDialog</name>
    <message>
        <source>Open this link?</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Full address</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The link comes from the text of a model or of somebody else. It opens outside of Meadow.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ListField</name>
    <message>
        <source>Remove %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Add an entry</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Add to “%1”</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Add</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Main</name>
    <message>
        <source>Menu</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>New chat</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ModelCosts</name>
    <message>
        <source>Looking what it is</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The owner of this model lets people in one by one: accept its terms on its page of the hub, then give Meadow a token of your account there.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Downloading %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What has come stays, so that it can go on from there</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Enter a token…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Download %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Use this model</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ModelFolder</name>
    <message>
        <source>Choose the folder of a model</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ModelList</name>
    <message>
        <source>Search, or owner/name on the hub, or a folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Models</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 leaves this disk. It can be downloaded again.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>No model is up in this swarm, and none is on this disk. Write the name of one, for example owner/name.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>No model of this name is here. Write owner/name for one of the hub, or the whole path of a folder.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Choose a folder…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Hub token…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Free the disk?</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Delete it</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ModelPicker</name>
    <message>
        <source>Choose a model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Model: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Opens a list to choose another one from</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ModelRow</name>
    <message>
        <source>Delete %1 from this disk</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ModelTabs</name>
    <message>
        <source>Models of the swarm</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>● You</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Models</name>
    <message>
        <source>As you wrote it</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Up in this swarm</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The demo, on this computer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Used lately</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>On this disk</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A model of the hub</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Off; it starts when you choose it</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Not up now</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{size} on this disk</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 server</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>%n servers</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>healthy · {servers}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>blocks are missing · {servers}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number} blocks</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>context {number}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Everything that a chat needs is on this computer.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A chat first downloads {size}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A chat first downloads {size}, but only {free} are free on the disk.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A chat first downloads {size}; {free} are free on the disk.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Each block is about {size}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{size} free on the disk</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow cannot run this model.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>There is not enough room on the disk. Free some, then try again.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>MoreButton</name>
    <message>
        <source>Show more (%L1 characters left)</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Node</name>
    <message>
        <source>Answers are chosen among so many of the likeliest tokens, in chats that do not say otherwise; 0 means all.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Answers are chosen among the likeliest tokens that together have this probability, in chats that do not say otherwise.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Clock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Disks and folders</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Exactness self-test</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>GPU</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>How freely answers are chosen, in chats that do not say otherwise; 0 always takes the likeliest token.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>How long an answer may become, in chats that do not say otherwise.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>How many requests of OpenAI clients are answered at the same time; others are told to try again.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>How many tokens of all sessions together a server may cache.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>How much of the memory that is free when sharing begins it may take, of the GPU or of the machine.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Leftovers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Memory of the machine that sharing leaves free for other programs. A GPU&apos;s own memory does not count here.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Node</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Peers to join the swarm through. Empty: the built-in list. `meadow chat`, `serve` and `models` use it too.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Ports</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Processor and memory</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Settings</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The dtype in which shared blocks compute.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The model of chats that have none of their own.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The model that this machine shares, when `share` is not told another one.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The port on 127.0.0.1 where the node answers the app, the commands and OpenAI clients. 0 takes a free one at each start; choose one so that other programs can keep the address.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Versions</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What computes the shared blocks.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Where the node listens for other peers. The default is for this machine only; /ip4/0.0.0.0/tcp/31337 lets others in.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Whether the node offers /metrics for Prometheus. The token is needed there as everywhere.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>`share` must name one</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a GPU if this machine has one that works, else the CPU; the status says which</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>as long as the model&apos;s context has room, at most 4096</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>as many as fit beside the blocks, within reason</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>as the model recommends</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>libp2p daemon</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>the checkpoint&apos;s own</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>the first model that is up</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Onboarding</name>
    <message>
        <source>The node starts again with this address…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Your computer is in the swarm. It shares nothing yet.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nobody answers at this address yet. Meadow goes on trying by itself.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Joining the swarm…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Paste the address that somebody of the swarm gave you.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This is no address of a peer. It looks like %1.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>PauseButton</name>
    <message>
        <source>Pause</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Opens a menu: for how long</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>For 1 hour</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Until tomorrow morning</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Until I resume</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>PlanCard</name>
    <message>
        <source>Choose a model to share</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Looking what this computer could host…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nothing is shared before you say so.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Share</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ProblemList</name>
    <message numerus="yes">
        <source>and %n more</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>What the checks found</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Close</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Problems</name>
    <message>
        <source>Try again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Start the demo</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Enter a hub token</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Change the limits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Free the disk</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Choose another model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open the settings</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Run the checks</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy diagnostics</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>%n times</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Progress</name>
    <message>
        <source>{done} of {total}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Block {number} of {all}</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Questions</name>
    <message>
        <source>Meadow goes on without the window</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Close the window</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quit Meadow?</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ReadersScreen</name>
    <message>
        <source>Who can read what you write</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>In the demo, nobody but you: it runs on this computer alone. In a public swarm it is different. There, the people whose computers work on an answer could read it, so write nothing there that strangers must not read.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The people whose computers work on an answer could read it and what you asked, so write nothing that strangers must not read. Under each answer you can see which computers worked on it.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The demo is ready.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The demo did not start. %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The demo starts: two servers and a model, on this computer…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Start chatting</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Try again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Back</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Recovery</name>
    <message>
        <source>The file could not be renamed (%1). Rename it yourself, then try again.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Route</name>
    <message>
        <source>first token {time}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>began again on the same servers in {time}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>moved from {old} to {new} in {time}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>You</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>embeddings, head</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Between them</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>network</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number}, of which the servers still had {reused}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Tokens read</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Tokens written</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sent to the first server</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number} ms</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number} s</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>on this computer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>over 1 peer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>over {number} peers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{name} (here)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>block {number}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>blocks {first}–{last}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>computing {time}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>waiting {time}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>on the way {time}</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Sampling</name>
    <message>
        <source>Temperature</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>0 always takes the likeliest word; higher is more surprising</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Top p</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Only the likeliest words that together reach this chance</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Top k</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Only so many of the likeliest words; 0 means all</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Longest answer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>In tokens; a token is about three quarters of a word</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Frequency penalty</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Above 0 avoids words the more, the more often they came</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Presence penalty</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Above 0 avoids words that came before</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Seed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The same question with the same seed gets the same answer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a whole number</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a number</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Write {kind}, or nothing.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This number is too large.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>More than {low}, at most {high}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Between {low} and {high}.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ServerTable</name>
    <message>
        <source>Server</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Blocks</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Speed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>State</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Servers of %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>● You, %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>online</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>SettingNames</name>
    <message>
        <source>Port</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Peers to join through</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Addresses to listen on</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Model to share</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Compute on</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Number format</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cache for sessions</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Memory to use</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Memory to leave free</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Model of new chats</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Longest answer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Top p</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Top k</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Requests at the same time</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Metrics for Prometheus</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The processor</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>An NVIDIA GPU</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The Apple GPU</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>tokens</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>requests</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>of the free memory</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Settings</name>
    <message>
        <source>Settings, chats and the identity of this machine</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Downloaded parts of models. Can be deleted; they are fetched again when needed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What happened, without anything of chats</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Data</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Models</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Logs</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>As the system (%1)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This must be %1.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>SettingsForm</name>
    <message>
        <source>Not set: %1.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>GB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>% of the free memory</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 or more</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 to %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This is not a number.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>SettingsPage</name>
    <message>
        <source>Pages of the settings</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>About the settings file: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open the folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Read it again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A change counts from the next start of the node. Restarting it stops answers that are being written; sharing comes back by itself.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Restart the node</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Try again</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>SettingsPages</name>
    <message>
        <source>General</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Chat defaults</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sharing limits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Network</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>API</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Storage</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Keyboard</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Diagnostics</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>About</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Share</name>
    <message>
        <source>Until {time}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>At the latest at {time} that is over.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Off</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Starting</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sharing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Finishing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Problem</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sharing {blocks}, {sessions} now.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Finishing: {sessions} still open, no new ones.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 session</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>%n sessions</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>Sharing is off; it was never turned on.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sharing is off.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Looking for the swarm.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Paused by you.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Waiting: the computer is in use.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Waiting: an app fills the screen.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Waiting: another program uses the GPU.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Waiting: the computer runs on battery.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Waiting: outside the hours that you allow.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Waiting: the machine is too hot.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Waiting: the network is metered.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Waiting: today&apos;s transfer limit is reached.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Waiting: no model needs this machine now.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The server ended unexpectedly and is started again.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The server cannot run. See what went wrong, then try again.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>opening the model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>downloading</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>loading blocks</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>measuring speed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>joining the swarm</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Starting: {what} (step {step} of {steps}).</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Starting: {what}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source> and </source>
        <comment>between the blocks of two servers</comment>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>blocks {start}:{end} of {model}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>blocks {start}:{end}</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ShareCard</name>
    <message>
        <source>Sharing: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Try again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Resume</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stop</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Finish</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Do not start to share</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Finish what is running, then stop</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>SharePage</name>
    <message>
        <source>Share this computer</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>SharePlan</name>
    <message>
        <source>This computer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Your {device}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Your {device} ({size} free)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{who} would host {number} of {all} blocks of {model}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{hosts}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{hosts}; the swarm would then reach {after}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{hosts} and lift the swarm from {before} to {after}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It would use {memory} of memory.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It would use {memory} of memory; nothing has to be downloaded.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It would download {download} first.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It would download {download} first and use {memory} of memory.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ShareSwitch</name>
    <message>
        <source>Share this computer</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Shortcuts</name>
    <message>
        <source>Everywhere</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>In a chat</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Moving about</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>New chat</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Search all chats</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Chat</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Share</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Swarm</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Settings</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Keyboard map</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Larger text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Smaller text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Text at 100 %</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quit Meadow</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Send the message</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>New line</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stop the answer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Answer again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy the last answer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Next control</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Previous control</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Press or switch it</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Sidebar</name>
    <message>
        <source>New chat</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Chat</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Share</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Swarm</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Settings</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>StateCard</name>
    <message>
        <source>Resume</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Try again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stop sharing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Finish what is running, then stop</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stop now</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Ends the sessions that are still open</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>StoragePage</name>
    <message>
        <source>counting…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%L1 kB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%L1 MB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%L1 GB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Count again</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Sums</name>
    <message>
        <source>%1 %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Swarm</name>
    <message>
        <source>blocks {start}:{end}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{name}, this computer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>joining</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>finishing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>leaving</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nobody serves blocks {start}:{end}.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 server</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>%n servers</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>healthy · {servers}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>nobody serves it now</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{blocks} and others</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>blocks {blocks} are missing, so nobody can chat with it now · {servers}</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The demo swarm of this computer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Not joined</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Joining</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Joined</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Joining again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Alone</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 other peer is known.</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>%n other peers are known.</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>Meadow has not joined a swarm yet.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Meadow looks for the peers it was told of.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The connection was lost. Meadow goes on trying by itself.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>No other peer answers. Put an address of somebody&apos;s computer into the settings, as an initial peer, or give somebody an address of this one.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>SwarmHeader</name>
    <message>
        <source>Swarm</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Hide the addresses</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Addresses for others</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open the settings</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>These lead to this computer only. To let others in, give it an address to listen on in the settings.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Whoever wants to join this swarm puts one of these into their settings as an initial peer.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Address</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The address is in the clipboard.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>SwarmPage</name>
    <message>
        <source>No model is up here yet</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>As soon as somebody shares one, its blocks and servers are drawn here. It may be you.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Share this computer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>As a picture</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>As a table</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>One column per block, one row per server. Brighter is faster.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Tiles</name>
    <message>
        <source>tokens today</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>sessions now</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>through its blocks</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>memory free</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{number} °C</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>GPU temperature</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>GPU memory free</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>{free} of {total}</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>TokenDialog</name>
    <message>
        <source>Token for the hub</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Some models are only for people whom their owners let in. Make a token that may read in the settings of your account at the hub, and paste it here. It is kept in a file that only you can read, and is sent to the hub alone.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A token is kept; paste another one</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Paste the token</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Forget the token</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Keep it</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ValueField</name>
    <message>
        <source>Automatic</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1, in %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
</TS>
