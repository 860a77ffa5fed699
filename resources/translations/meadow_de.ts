<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE" sourcelanguage="en">
<context>
    <name>AboutPage</name>
    <message>
        <source>Meadow %1</source>
        <translation>Meadow %1</translation>
    </message>
    <message>
        <source>Meadow</source>
        <translation>Meadow</translation>
    </message>
    <message>
        <source>With Qt %1. Licence: MIT. © 2026 The Meadow authors.</source>
        <translation>Mit Qt %1. Lizenz: MIT. © 2026 The Meadow authors.</translation>
    </message>
    <message>
        <source>What it is</source>
        <translation>Was es ist</translation>
    </message>
    <message>
        <source>Meadow runs language models that are too large for one computer. Many people&apos;s computers each hold some blocks of a model; yours holds the two ends, and the chat goes through all of them.</source>
        <translation>Meadow betreibt Sprachmodelle, die für einen einzelnen Computer zu groß sind. Die Computer vieler Menschen halten je einige Blöcke eines Modells; deiner hält die beiden Enden, und der Chat geht durch alle hindurch.</translation>
    </message>
    <message>
        <source>It is free software. There is no account, no advertising and no telemetry, and nothing is shared before you say so.</source>
        <translation>Es ist freie Software. Es gibt kein Konto, keine Werbung und keine Telemetrie, und nichts wird geteilt, bevor du es sagst.</translation>
    </message>
    <message>
        <source>What it is not</source>
        <translation>Was es nicht ist</translation>
    </message>
    <message>
        <source>It is not secret: whoever hosts blocks of a public swarm can read what passes through them. Do not write there what strangers must not read.</source>
        <translation>Es ist nicht geheim: Wer Blöcke eines öffentlichen Schwarms bereitstellt, kann lesen, was durch sie hindurchgeht. Schreib dort nichts, was Fremde nicht lesen dürfen.</translation>
    </message>
    <message>
        <source>It is not always right: models make mistakes, and a server that lies can change an answer. Check what matters.</source>
        <translation>Es hat nicht immer recht: Modelle machen Fehler, und ein Server, der lügt, kann eine Antwort verändern. Prüfe, was wichtig ist.</translation>
    </message>
    <message>
        <source>What it is made of</source>
        <translation>Woraus es besteht</translation>
    </message>
</context>
<context>
    <name>AnswerText</name>
    <message>
        <source>Stopping…</source>
        <translation>Wird angehalten …</translation>
    </message>
    <message>
        <source>Waiting for the first word…</source>
        <translation>Warten auf das erste Wort …</translation>
    </message>
</context>
<context>
    <name>ApiPage</name>
    <message>
        <source>Programs made for OpenAI&apos;s API can use the models of the swarm through this address. Only programs on this machine can reach it.</source>
        <translation>Programme, die für die Schnittstelle von OpenAI gemacht sind, können unter dieser Adresse die Modelle des Schwarms benutzen. Nur Programme auf diesem Computer erreichen sie.</translation>
    </message>
    <message>
        <source>Base URL</source>
        <translation>Basis-URL</translation>
    </message>
    <message>
        <source>Many programs call it OPENAI_BASE_URL.</source>
        <translation>Viele Programme nennen sie OPENAI_BASE_URL.</translation>
    </message>
    <message>
        <source>The node does not run.</source>
        <translation>Der Knoten läuft nicht.</translation>
    </message>
    <message>
        <source>File with the token</source>
        <translation>Datei mit dem Token</translation>
    </message>
    <message>
        <source>Its content is what programs call the API key. Whoever has it may use your node: treat it like a password. For a new one, quit Meadow, delete the file, and start Meadow.</source>
        <translation>Ihr Inhalt ist, was Programme den API-Schlüssel nennen. Wer ihn hat, kann deinen Knoten benutzen: Behandle ihn wie ein Passwort. Für einen neuen beende Meadow, lösche die Datei und starte Meadow.</translation>
    </message>
</context>
<context>
    <name>Application</name>
    <message>
        <source>This link is not one that Meadow understands.</source>
        <translation>Diesen Link versteht Meadow nicht.</translation>
    </message>
    <message>
        <source>This version of Meadow cannot take invitations yet.</source>
        <translation>Diese Version von Meadow kann noch keine Einladungen annehmen.</translation>
    </message>
    <message>
        <source>Meadow goes on with the defaults. The old settings are kept as %1.</source>
        <translation>Meadow macht mit den Vorgaben weiter. Die alten Einstellungen sind als %1 aufgehoben.</translation>
    </message>
</context>
<context>
    <name>ApplyLimits</name>
    <message>
        <source>A change counts the next time that sharing begins, or now: whoever is using this computer then has a minute to finish.</source>
        <translation>Eine Änderung gilt, wenn das nächste Mal geteilt wird, oder jetzt gleich: Wer diesen Computer gerade nutzt, hat dann noch eine Minute.</translation>
    </message>
    <message>
        <source>A change counts the next time that sharing begins.</source>
        <translation>Eine Änderung gilt, wenn das nächste Mal geteilt wird.</translation>
    </message>
    <message>
        <source>Apply now</source>
        <translation>Jetzt anwenden</translation>
    </message>
    <message>
        <source>Begins to share again, with these limits</source>
        <translation>Beginnt neu zu teilen, mit diesen Grenzen</translation>
    </message>
</context>
<context>
    <name>Banner</name>
    <message>
        <source>Close this message</source>
        <translation>Diese Meldung schließen</translation>
    </message>
</context>
<context>
    <name>BlockPicture</name>
    <message>
        <source>All together</source>
        <translation>Alle zusammen</translation>
    </message>
    <message>
        <source>Servers of %1</source>
        <translation>Server von %1</translation>
    </message>
</context>
<context>
    <name>BlockRow</name>
    <message>
        <source>● You</source>
        <translation>● Du</translation>
    </message>
</context>
<context>
    <name>BranchSwitch</name>
    <message>
        <source>Previous version</source>
        <translation>Vorige Fassung</translation>
    </message>
    <message>
        <source>Next version</source>
        <translation>Nächste Fassung</translation>
    </message>
</context>
<context>
    <name>BrokenSettings</name>
    <message>
        <source>The settings file cannot be used</source>
        <translation>Die Einstellungsdatei kann nicht benutzt werden</translation>
    </message>
    <message>
        <source>Until then nothing can be answered or shared. Your chats are safe; they are kept elsewhere. Setting the file aside only renames it.</source>
        <translation>Bis dahin kann nichts beantwortet oder geteilt werden. Deine Chats sind sicher; sie liegen woanders. Beim Beiseitelegen wird die Datei nur umbenannt.</translation>
    </message>
    <message>
        <source>Open the folder</source>
        <translation>Ordner öffnen</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Noch einmal versuchen</translation>
    </message>
    <message>
        <source>Set it aside and start with the defaults</source>
        <translation>Beiseitelegen und mit den Vorgaben starten</translation>
    </message>
</context>
<context>
    <name>Chat</name>
    <message>
        <source>Your message is sent as soon as Meadow is ready.</source>
        <translation>Die Nachricht wird gesendet, sobald Meadow bereit ist.</translation>
    </message>
    <message>
        <source>Your message is sent as soon as the demo is ready.</source>
        <translation>Die Nachricht wird gesendet, sobald die Demo bereit ist.</translation>
    </message>
    <message>
        <source>The demo is starting; that takes some seconds.</source>
        <translation>Die Demo startet; das dauert einige Sekunden.</translation>
    </message>
    <message>
        <source>The demo was on when Meadow ended. It does not start again by itself.</source>
        <translation>Die Demo lief, als Meadow endete. Von selbst startet sie nicht wieder.</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>Neuer Chat</translation>
    </message>
    <message>
        <source>Chat deleted: {title}</source>
        <translation>Chat gelöscht: {title}</translation>
    </message>
    <message>
        <source>Meadow is starting. You can write already.</source>
        <translation>Meadow startet. Du kannst schon schreiben.</translation>
    </message>
    <message>
        <source>Meadow&apos;s node is gone for the moment; it is looked for. Nothing is lost.</source>
        <translation>Der Knoten von Meadow ist gerade weg; er wird gesucht. Nichts geht verloren.</translation>
    </message>
    <message>
        <source>Meadow&apos;s node cannot be started.</source>
        <translation>Der Knoten von Meadow kann nicht gestartet werden.</translation>
    </message>
    <message>
        <source>Question and what followed it deleted</source>
        <translation>Frage gelöscht, mit allem, was folgte</translation>
    </message>
    <message>
        <source>Answer and what followed it deleted</source>
        <translation>Antwort gelöscht, mit allem, was folgte</translation>
    </message>
    <message>
        <source>{used} tokens</source>
        <translation>{used} Token</translation>
    </message>
    <message>
        <source>more than {size} tokens</source>
        <translation>mehr als {size} Token</translation>
    </message>
    <message>
        <source>{used} of {size} tokens</source>
        <translation>{used} von {size} Token</translation>
    </message>
    <message>
        <source>This answer failed.</source>
        <translation>Diese Antwort ist gescheitert.</translation>
    </message>
    <message>
        <source>The text so far stays.</source>
        <translation>Der Text bis hierher bleibt.</translation>
    </message>
    <message>
        <source>Meadow&apos;s node ended while this was being written. Its last words were not stored: they stay only until this chat is opened again.</source>
        <translation>Der Knoten von Meadow endete, während dies geschrieben wurde. Die letzten Worte wurden nicht gespeichert: Sie bleiben nur, bis dieser Chat wieder geöffnet wird.</translation>
    </message>
    <message>
        <source>Meadow&apos;s node ended while this was being written. The text so far stays.</source>
        <translation>Der Knoten von Meadow endete, während dies geschrieben wurde. Der Text bis hierher bleibt.</translation>
    </message>
    <message>
        <source>Meadow&apos;s node ended before this answer began.</source>
        <translation>Der Knoten von Meadow endete, bevor diese Antwort begann.</translation>
    </message>
    <message>
        <source>You stopped this answer.</source>
        <translation>Du hast diese Antwort angehalten.</translation>
    </message>
    <message>
        <source>The answer ended because it reached its greatest length.</source>
        <translation>Die Antwort endete, weil sie ihre größte Länge erreicht hat.</translation>
    </message>
    <message>
        <source>The model wants to use a tool: {names}.</source>
        <translation>Das Modell möchte ein Werkzeug benutzen: {names}.</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>This file cannot be read: {why}.</source>
        <translation>Diese Datei kann nicht gelesen werden: {why}.</translation>
    </message>
    <message>
        <source>This file is larger than 4 MB, which is the most that can be imported at once.</source>
        <translation>Diese Datei ist größer als 4 MB; mehr kann nicht auf einmal eingelesen werden.</translation>
    </message>
    <message>
        <source>This file is no text in UTF-8, so it holds no chats.</source>
        <translation>Diese Datei ist kein Text in UTF-8, also enthält sie keine Chats.</translation>
    </message>
    <message>
        <source>1 chat was imported from {file}.</source>
        <translation>1 Chat wurde aus {file} eingelesen.</translation>
    </message>
    <message>
        <source>{number} chats were imported from {file}.</source>
        <translation>{number} Chats wurden aus {file} eingelesen.</translation>
    </message>
    <message>
        <source>Chats can be written to files of this computer only.</source>
        <translation>Chats können nur in Dateien auf diesem Computer geschrieben werden.</translation>
    </message>
    <message>
        <source>Written to {file}.</source>
        <translation>In {file} geschrieben.</translation>
    </message>
    <message>
        <source>{number} of {count}</source>
        <translation>{number} von {count}</translation>
    </message>
    <message>
        <source>Meadow&apos;s node does not answer now. The text stays; what comes next is added.</source>
        <translation>Der Knoten von Meadow antwortet gerade nicht. Der Text bleibt; was noch kommt, wird angefügt.</translation>
    </message>
    <message>
        <source>{model} ({owner})</source>
        <translation>{model} ({owner})</translation>
    </message>
    <message>
        <source>not up now</source>
        <translation>gerade nicht da</translation>
    </message>
    <message>
        <source>{there} of {total} blocks up</source>
        <translation>{there} von {total} Blöcken da</translation>
    </message>
    <message>
        <source>{blocks} · 1 server</source>
        <translation>{blocks} · 1 Server</translation>
    </message>
    <message>
        <source>{blocks} · {servers} servers</source>
        <translation>{blocks} · {servers} Server</translation>
    </message>
    <message>
        <source>Who computes an answer can read the chat. Nobody serves this model now.</source>
        <translation>Wer eine Antwort berechnet, kann den Chat lesen. Gerade stellt niemand dieses Modell bereit.</translation>
    </message>
    <message>
        <source>The demo runs on this computer: nothing that you write leaves it.</source>
        <translation>Die Demo läuft auf diesem Computer: Nichts, was du schreibst, verlässt ihn.</translation>
    </message>
    <message>
        <source>Only this computer serves this model now: nothing that you write leaves it.</source>
        <translation>Nur dieser Computer stellt das Modell gerade bereit: Nichts, was du schreibst, verlässt ihn.</translation>
    </message>
    <message>
        <source>Whoever runs {names} could read this chat: parts of the model are computed there.</source>
        <translation>Wer {names} betreibt, könnte diesen Chat lesen: Dort werden Teile des Modells berechnet.</translation>
    </message>
    <message>
        <source>its servers</source>
        <translation>seine Server</translation>
    </message>
    <message>
        <source>{names} and 1 other</source>
        <translation>{names} und 1 weiteren</translation>
    </message>
    <message>
        <source>{names} and {number} others</source>
        <translation>{names} und {number} weitere</translation>
    </message>
    <message>
        <source>{names} and {last}</source>
        <translation>{names} und {last}</translation>
    </message>
    <message>
        <source>computed parts of 1 answer</source>
        <translation>hat Teile von 1 Antwort berechnet</translation>
    </message>
    <message>
        <source>computed parts of {number} answers</source>
        <translation>hat Teile von {number} Antworten berechnet</translation>
    </message>
</context>
<context>
    <name>ChatBody</name>
    <message>
        <source>Restart the node</source>
        <translation>Knoten neu starten</translation>
    </message>
    <message>
        <source>Answers that are being written stop; what is shared is offered again</source>
        <translation>Antworten, die gerade entstehen, enden; was geteilt wird, wird wieder angeboten</translation>
    </message>
    <message>
        <source>Reading the chat</source>
        <translation>Der Chat wird gelesen</translation>
    </message>
    <message>
        <source>The last answer is on the clipboard.</source>
        <translation>Die letzte Antwort ist in der Zwischenablage.</translation>
    </message>
</context>
<context>
    <name>ChatHeader</name>
    <message>
        <source>Who could read this chat</source>
        <translation>Wer diesen Chat lesen konnte</translation>
    </message>
    <message>
        <source>Instructions and style</source>
        <translation>Anweisungen und Stil</translation>
    </message>
    <message>
        <source>More</source>
        <translation>Mehr</translation>
    </message>
</context>
<context>
    <name>ChatList</name>
    <message>
        <source>Today</source>
        <translation>Heute</translation>
    </message>
    <message>
        <source>Yesterday</source>
        <translation>Gestern</translation>
    </message>
    <message>
        <source>Previous 7 days</source>
        <translation>Die letzten 7 Tage</translation>
    </message>
    <message>
        <source>Search chats</source>
        <translation>Chats durchsuchen</translation>
    </message>
    <message>
        <source>Search all chats</source>
        <translation>Alle Chats durchsuchen</translation>
    </message>
    <message>
        <source>Nothing was found.</source>
        <translation>Nichts wurde gefunden.</translation>
    </message>
    <message>
        <source>No chats yet.</source>
        <translation>Noch keine Chats.</translation>
    </message>
    <message>
        <source>Chats</source>
        <translation>Chats</translation>
    </message>
    <message>
        <source>Found</source>
        <translation>Gefunden</translation>
    </message>
</context>
<context>
    <name>ChatMenu</name>
    <message>
        <source>Rename…</source>
        <translation>Umbenennen …</translation>
    </message>
    <message>
        <source>Export as Markdown…</source>
        <translation>Als Markdown speichern …</translation>
    </message>
    <message>
        <source>Export as JSON…</source>
        <translation>Als JSON speichern …</translation>
    </message>
    <message>
        <source>Export all chats…</source>
        <translation>Alle Chats speichern …</translation>
    </message>
    <message>
        <source>Import chats…</source>
        <translation>Chats einlesen …</translation>
    </message>
    <message>
        <source>Delete chat</source>
        <translation>Chat löschen</translation>
    </message>
</context>
<context>
    <name>ChatPage</name>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
</context>
<context>
    <name>ChatRow</name>
    <message>
        <source>%1, is being answered</source>
        <translation>%1, wird gerade beantwortet</translation>
    </message>
</context>
<context>
    <name>ChatSettings</name>
    <message>
        <source>Instructions and style</source>
        <translation>Anweisungen und Stil</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>What the model is told before the chat (system prompt)</source>
        <translation>Was dem Modell vor dem Chat gesagt wird (System-Prompt)</translation>
    </message>
    <message>
        <source>For example: You are a patient teacher. Answer in two paragraphs.</source>
        <translation>Zum Beispiel: Du bist ein geduldiger Lehrer. Antworte in zwei Absätzen.</translation>
    </message>
    <message>
        <source>System prompt</source>
        <translation>System-Prompt</translation>
    </message>
    <message>
        <source>Style of the answers</source>
        <translation>Stil der Antworten</translation>
    </message>
    <message>
        <source>Precise</source>
        <translation>Genau</translation>
    </message>
    <message>
        <source>Balanced</source>
        <translation>Ausgewogen</translation>
    </message>
    <message>
        <source>Creative</source>
        <translation>Einfallsreich</translation>
    </message>
    <message>
        <source>Custom</source>
        <translation>Eigener</translation>
    </message>
    <message>
        <source>Stays close to the likeliest words: for facts and code.</source>
        <translation>Bleibt nah an den wahrscheinlichsten Wörtern: für Fakten und Code.</translation>
    </message>
    <message>
        <source>What the makers of the model advise.</source>
        <translation>Was die Macher des Modells empfehlen.</translation>
    </message>
    <message>
        <source>Takes surprising words more often: for stories and ideas.</source>
        <translation>Nimmt öfter überraschende Wörter: für Geschichten und Ideen.</translation>
    </message>
    <message>
        <source>Leave a field empty to take what the makers of the model advise.</source>
        <translation>Ein leeres Feld nimmt, was die Macher des Modells empfehlen.</translation>
    </message>
</context>
<context>
    <name>ChooseFolder</name>
    <message>
        <source>Choose the folder of a model</source>
        <translation>Den Ordner eines Modells wählen</translation>
    </message>
</context>
<context>
    <name>ChooseScreen</name>
    <message>
        <source>Welcome to Meadow</source>
        <translation>Willkommen bei Meadow</translation>
    </message>
    <message>
        <source>Meadow runs language models that are too large for one computer: many people&apos;s computers each hold a part, and yours holds the two ends. There is no account, and nothing is shared or uploaded before you say so.</source>
        <translation>Meadow betreibt Sprachmodelle, die für einen einzelnen Computer zu groß sind: Die Computer vieler Menschen halten je einen Teil, und deiner hält die beiden Enden. Es gibt kein Konto, und nichts wird geteilt oder hochgeladen, bevor du es sagst.</translation>
    </message>
    <message>
        <source>Chat with the demo on this computer</source>
        <translation>Mit der Demo auf diesem Computer chatten</translation>
    </message>
    <message>
        <source>A very small model, to see how it works. It needs no network.</source>
        <translation>Ein sehr kleines Modell, um zu sehen, wie es geht. Es braucht kein Netz.</translation>
    </message>
    <message>
        <source>Join a swarm</source>
        <translation>Einem Schwarm beitreten</translation>
    </message>
    <message>
        <source>Somebody gave you the address of a swarm: chat with its models.</source>
        <translation>Jemand hat dir die Adresse eines Schwarms gegeben: Chatte mit seinen Modellen.</translation>
    </message>
    <message>
        <source>Look around first</source>
        <translation>Erst einmal umsehen</translation>
    </message>
    <message>
        <source>You can do all of this later, and share this computer when you like.</source>
        <translation>All das geht auch später, und diesen Computer kannst du teilen, wann du magst.</translation>
    </message>
</context>
<context>
    <name>Closing</name>
    <message>
        <source>Meadow goes on in the tray, and this computer goes on sharing. Quit it there to end both.</source>
        <translation>Meadow läuft im Infobereich weiter, und dieser Rechner teilt weiter. Dort lässt sich beides beenden.</translation>
    </message>
    <message>
        <source>Meadow goes on in the tray. Quit it there to end it.</source>
        <translation>Meadow läuft im Infobereich weiter. Dort lässt es sich beenden.</translation>
    </message>
    <message>
        <source>This desktop has no tray, so the window stays in the taskbar while this computer shares. Quit Meadow with Ctrl+Q to end both.</source>
        <translation>Diese Oberfläche hat keinen Infobereich, deshalb bleibt das Fenster in der Taskleiste, solange dieser Rechner teilt. Strg+Q beendet beides.</translation>
    </message>
    <message>
        <source>This desktop has no tray, so the window stays in the taskbar, where it can be found again. Quit Meadow with Ctrl+Q to end it.</source>
        <translation>Diese Oberfläche hat keinen Infobereich, deshalb bleibt das Fenster in der Taskleiste, wo es sich wiederfinden lässt. Strg+Q beendet Meadow.</translation>
    </message>
    <message>
        <source>This computer stops sharing.</source>
        <translation>Dieser Rechner hört auf zu teilen.</translation>
    </message>
    <message numerus="yes">
        <source>%n session(s) of others move to other computers.</source>
        <translation>
            <numerusform>%n Sitzung anderer wechselt auf andere Rechner.</numerusform>
            <numerusform>%n Sitzungen anderer wechseln auf andere Rechner.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n answer(s) under way stop; what is there is kept.</source>
        <translation>
            <numerusform>%n laufende Antwort hört auf; was da ist, bleibt.</numerusform>
            <numerusform>%n laufende Antworten hören auf; was da ist, bleibt.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>CodeBlock</name>
    <message>
        <source>Code</source>
        <translation>Code</translation>
    </message>
    <message>
        <source>Code, %1</source>
        <translation>Code, %1</translation>
    </message>
    <message>
        <source>Copied</source>
        <translation>Kopiert</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Copy code</source>
        <translation>Code kopieren</translation>
    </message>
</context>
<context>
    <name>Composer</name>
    <message>
        <source>Message %1</source>
        <translation>Nachricht an %1</translation>
    </message>
    <message>
        <source>Write a message</source>
        <translation>Schreib eine Nachricht</translation>
    </message>
    <message>
        <source>Message</source>
        <translation>Nachricht</translation>
    </message>
    <message>
        <source>Enter sends, Shift and Enter begin a new line</source>
        <translation>Eingabe sendet, Umschalt und Eingabe beginnen eine neue Zeile</translation>
    </message>
    <message>
        <source>Stopping</source>
        <translation>Wird angehalten</translation>
    </message>
    <message>
        <source>Stop the answer</source>
        <translation>Antwort anhalten</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>Senden</translation>
    </message>
    <message>
        <source>Esc</source>
        <translation>Esc</translation>
    </message>
    <message>
        <source>Enter</source>
        <translation>Eingabe</translation>
    </message>
</context>
<context>
    <name>ComposerNotes</name>
    <message>
        <source>Try again</source>
        <translation>Noch einmal versuchen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>The text stays, and is not sent</source>
        <translation>Der Text bleibt und wird nicht gesendet</translation>
    </message>
    <message>
        <source>This chat asks the model of the demo, and the demo is off.</source>
        <translation>Dieser Chat fragt das Modell der Demo, und die Demo ist aus.</translation>
    </message>
    <message>
        <source>The demo is starting</source>
        <translation>Die Demo startet</translation>
    </message>
    <message>
        <source>Start the demo</source>
        <translation>Demo starten</translation>
    </message>
</context>
<context>
    <name>ConfirmDialog</name>
    <message>
        <source>Yes</source>
        <translation>Ja</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
</context>
<context>
    <name>ContextMeter</name>
    <message>
        <source>The context is nearly full. Begin a new chat, or shorten this one.</source>
        <translation>Der Kontext ist fast voll. Beginne einen neuen Chat oder kürze diesen.</translation>
    </message>
    <message>
        <source>Context: %1</source>
        <translation>Kontext: %1</translation>
    </message>
    <message>
        <source>Context %1</source>
        <translation>Kontext %1</translation>
    </message>
</context>
<context>
    <name>ContributionCard</name>
    <message>
        <source>What it gave</source>
        <translation>Was er gegeben hat</translation>
    </message>
    <message>
        <source>24 hours</source>
        <translation>24 Stunden</translation>
    </message>
    <message>
        <source>30 days</source>
        <translation>30 Tage</translation>
    </message>
    <message>
        <source>Tokens over time</source>
        <translation>Token im Lauf der Zeit</translation>
    </message>
    <message>
        <source>%1: %2 tokens</source>
        <translation>%1: %2 Token</translation>
    </message>
    <message>
        <source>As a plot</source>
        <translation>Als Bild</translation>
    </message>
    <message>
        <source>As a table</source>
        <translation>Als Tabelle</translation>
    </message>
    <message>
        <source>Today</source>
        <translation>Heute</translation>
    </message>
    <message>
        <source>In all</source>
        <translation>Insgesamt</translation>
    </message>
</context>
<context>
    <name>ContributionPlot</name>
    <message>
        <source>%1: %2 tokens</source>
        <translation>%1: %2 Token</translation>
    </message>
</context>
<context>
    <name>Contributions</name>
    <message>
        <source>Nothing was served in the last 24 hours.</source>
        <translation>In den letzten 24 Stunden wurde nichts berechnet.</translation>
    </message>
    <message>
        <source>Nothing was served in the last 30 days.</source>
        <translation>In den letzten 30 Tagen wurde nichts berechnet.</translation>
    </message>
    <message>
        <source>{total} tokens in the last 24 hours, most of them from {when}: {most}.</source>
        <translation>{total} Token in den letzten 24 Stunden, die meisten davon ab {when}: {most}.</translation>
    </message>
    <message>
        <source>{total} tokens in the last 30 days, most of them on {when}: {most}.</source>
        <translation>{total} Token in den letzten 30 Tagen, die meisten davon am {when}: {most}.</translation>
    </message>
    <message>
        <source>tokens</source>
        <translation>Token</translation>
    </message>
    <message>
        <source>sessions</source>
        <translation>Sitzungen</translation>
    </message>
    <message>
        <source>received</source>
        <translation>empfangen</translation>
    </message>
    <message>
        <source>sent</source>
        <translation>gesendet</translation>
    </message>
    <message>
        <source>of sharing</source>
        <translation>geteilt</translation>
    </message>
</context>
<context>
    <name>Diagnostics</name>
    <message>
        <source>Something does not work. What to do about it is written below.</source>
        <translation>Etwas geht nicht. Was zu tun ist, steht darunter.</translation>
    </message>
    <message>
        <source>Meadow works here, but it could work better.</source>
        <translation>Meadow läuft hier, aber es könnte besser laufen.</translation>
    </message>
    <message>
        <source>All is well.</source>
        <translation>Alles ist in Ordnung.</translation>
    </message>
</context>
<context>
    <name>DiagnosticsPage</name>
    <message>
        <source>Meadow looks at this machine, its disks, its GPU and its way into the swarm. The report holds no secrets, no addresses and nothing of chats.</source>
        <translation>Meadow sieht sich diesen Computer an, seine Festplatten, seine GPU und seinen Weg in den Schwarm. Der Bericht enthält keine Geheimnisse, keine Adressen und nichts aus Chats.</translation>
    </message>
    <message>
        <source>With a self-test</source>
        <translation>Mit Selbsttest</translation>
    </message>
    <message>
        <source>Computes with a small model and compares; that takes a minute.</source>
        <translation>Rechnet mit einem kleinen Modell und vergleicht; das dauert eine Minute.</translation>
    </message>
    <message>
        <source>Run the checks</source>
        <translation>Prüfungen starten</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Copy diagnostics</source>
        <translation>Diagnose kopieren</translation>
    </message>
    <message>
        <source>Copied. Paste it where you ask your question.</source>
        <translation>Kopiert. Füge es dort ein, wo du deine Frage stellst.</translation>
    </message>
    <message>
        <source>Checks are running</source>
        <translation>Die Prüfungen laufen</translation>
    </message>
    <message numerus="yes">
        <source>Checking for %n second(s)…</source>
        <translation>
            <numerusform>Seit %n Sekunde wird geprüft …</numerusform>
            <numerusform>Seit %n Sekunden wird geprüft …</numerusform>
        </translation>
    </message>
    <message>
        <source>good</source>
        <translation>gut</translation>
    </message>
    <message>
        <source>could be better</source>
        <translation>könnte besser sein</translation>
    </message>
    <message>
        <source>does not work</source>
        <translation>geht nicht</translation>
    </message>
</context>
<context>
    <name>EditBox</name>
    <message>
        <source>The question anew</source>
        <translation>Die Frage neu</translation>
    </message>
    <message>
        <source>The answer anew</source>
        <translation>Die Antwort neu</translation>
    </message>
    <message>
        <source>The old version stays as a branch.</source>
        <translation>Die alte Fassung bleibt als Zweig erhalten.</translation>
    </message>
    <message>
        <source>The old answer stays as a branch.</source>
        <translation>Die alte Antwort bleibt als Zweig erhalten.</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Ask again</source>
        <translation>Noch einmal fragen</translation>
    </message>
    <message>
        <source>Keep</source>
        <translation>Behalten</translation>
    </message>
</context>
<context>
    <name>EmptyChat</name>
    <message>
        <source>What would you like to know?</source>
        <translation>Was möchtest du wissen?</translation>
    </message>
    <message>
        <source>Looking for models that are up</source>
        <translation>Es wird nach laufenden Modellen gesucht</translation>
    </message>
    <message>
        <source>This model is not up now</source>
        <translation>Dieses Modell läuft gerade nicht</translation>
    </message>
    <message>
        <source>You are asking %1.</source>
        <translation>Du fragst %1.</translation>
    </message>
    <message>
        <source>You can write already. It is sent as soon as somebody can answer.</source>
        <translation>Schreiben geht schon. Gesendet wird, sobald jemand antworten kann.</translation>
    </message>
    <message>
        <source>Choose another model above, or wait until somebody serves all of it.</source>
        <translation>Oben ein anderes Modell wählen, oder warten, bis jemand das ganze anbietet.</translation>
    </message>
    <message>
        <source>Why is the sky dark at night if there are stars in every direction?</source>
        <translation>Warum ist der Himmel nachts dunkel, wenn doch in jeder Richtung Sterne sind?</translation>
    </message>
    <message>
        <source>Write a polite reminder that the rent was due last week.</source>
        <translation>Schreib eine höfliche Erinnerung, dass die Miete letzte Woche fällig war.</translation>
    </message>
    <message>
        <source>Explain a hash table with a small example in Python.</source>
        <translation>Erkläre eine Hashtabelle mit einem kleinen Beispiel in Python.</translation>
    </message>
</context>
<context>
    <name>ExportDialog</name>
    <message>
        <source>Export all chats</source>
        <translation>Alle Chats speichern</translation>
    </message>
    <message>
        <source>Export chat</source>
        <translation>Chat speichern</translation>
    </message>
    <message>
        <source>All chats</source>
        <translation>Alle Chats</translation>
    </message>
    <message>
        <source>Markdown (*.md)</source>
        <translation>Markdown (*.md)</translation>
    </message>
    <message>
        <source>JSON (*.json)</source>
        <translation>JSON (*.json)</translation>
    </message>
</context>
<context>
    <name>Fact</name>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Copy: %1</source>
        <translation>Kopieren: %1</translation>
    </message>
    <message>
        <source>Open the folder</source>
        <translation>Ordner öffnen</translation>
    </message>
    <message>
        <source>Open the folder of: %1</source>
        <translation>Ordner öffnen: %1</translation>
    </message>
</context>
<context>
    <name>Figures</name>
    <message>
        <source>{size}/s</source>
        <translation>{size}/s</translation>
    </message>
    <message>
        <source>{number} tok/s</source>
        <translation>{number} Tok/s</translation>
    </message>
    <message>
        <source>{first}–{last}</source>
        <translation>{first}–{last}</translation>
    </message>
    <message>
        <source>block {number} of {all}</source>
        <translation>Block {number} von {all}</translation>
    </message>
    <message>
        <source>blocks {number} of {all}</source>
        <translation>Blöcke {number} von {all}</translation>
    </message>
    <message>
        <source>block {number}</source>
        <translation>Block {number}</translation>
    </message>
    <message>
        <source>blocks {number}</source>
        <translation>Blöcke {number}</translation>
    </message>
    <message>
        <source>{number} %</source>
        <translation>{number} %</translation>
    </message>
    <message>
        <source>{number} s</source>
        <translation>{number} s</translation>
    </message>
    <message>
        <source>{number} min</source>
        <translation>{number} min</translation>
    </message>
    <message>
        <source>{number} h</source>
        <translation>{number} h</translation>
    </message>
    <message>
        <source>{hours} h {minutes} min</source>
        <translation>{hours} h {minutes} min</translation>
    </message>
    <message>
        <source>{time} left</source>
        <translation>noch {time}</translation>
    </message>
    <message>
        <source>d MMM</source>
        <comment>a day, as QLocale wants it</comment>
        <translation>d. MMM</translation>
    </message>
    <message>
        <source>{day}, {time}</source>
        <translation>{day}, {time}</translation>
    </message>
</context>
<context>
    <name>FormRow</name>
    <message>
        <source>Reset “%1” to the default: %2</source>
        <translation>„%1“ auf die Vorgabe zurücksetzen: %2</translation>
    </message>
    <message>
        <source>Reset “%1” to the default</source>
        <translation>„%1“ auf die Vorgabe zurücksetzen</translation>
    </message>
    <message>
        <source>Allowed: %1.</source>
        <translation>Erlaubt: %1.</translation>
    </message>
    <message>
        <source>Changed; counts from the next start of the node.</source>
        <translation>Geändert; gilt ab dem nächsten Start des Knotens.</translation>
    </message>
    <message>
        <source>A change counts from the next start of the node.</source>
        <translation>Eine Änderung gilt ab dem nächsten Start des Knotens.</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>Folder…</source>
        <translation>Ordner …</translation>
    </message>
    <message>
        <source>Choose a folder for “%1”</source>
        <translation>Einen Ordner für „%1“ wählen</translation>
    </message>
</context>
<context>
    <name>GeneralPage</name>
    <message>
        <source>Language</source>
        <translation>Sprache</translation>
    </message>
    <message>
        <source>Colours</source>
        <translation>Farben</translation>
    </message>
    <message>
        <source>As the system</source>
        <translation>Wie das System</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>Hell</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>Dunkel</translation>
    </message>
    <message>
        <source>Size of text</source>
        <translation>Textgröße</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>Also with %1 and %2.</source>
        <translation>Auch mit %1 und %2.</translation>
    </message>
    <message>
        <source>When the window is closed</source>
        <translation>Wenn das Fenster geschlossen wird</translation>
    </message>
    <message>
        <source>Stay in the tray</source>
        <translation>Im Infobereich bleiben</translation>
    </message>
    <message>
        <source>Quit Meadow</source>
        <translation>Meadow beenden</translation>
    </message>
    <message>
        <source>Sharing stops too.</source>
        <translation>Auch das Teilen endet.</translation>
    </message>
    <message>
        <source>Sharing goes on, and the icon in the tray brings the window back. Where there is no tray, the window stays in the taskbar, made small.</source>
        <translation>Das Teilen geht weiter, und das Symbol im Infobereich holt das Fenster zurück. Wo es keinen Infobereich gibt, bleibt das Fenster verkleinert in der Taskleiste.</translation>
    </message>
    <message>
        <source>Notifications</source>
        <translation>Benachrichtigungen</translation>
    </message>
    <message>
        <source>While the window is hidden: a finished answer, why sharing paused, a problem.</source>
        <translation>Solange das Fenster verborgen ist: eine fertige Antwort, warum das Teilen pausiert, ein Problem.</translation>
    </message>
</context>
<context>
    <name>Hosted</name>
    <message>
        <source>from block {start} on</source>
        <translation>ab Block {start}</translation>
    </message>
    <message>
        <source>starting</source>
        <translation>startet</translation>
    </message>
    <message>
        <source>online</source>
        <translation>online</translation>
    </message>
    <message>
        <source>joining the swarm again</source>
        <translation>tritt dem Schwarm wieder bei</translation>
    </message>
    <message>
        <source>finishing</source>
        <translation>kommt zum Ende</translation>
    </message>
    <message>
        <source>being started again</source>
        <translation>wird neu gestartet</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>gescheitert</translation>
    </message>
    <message>
        <source>{dtype} on {device}</source>
        <translation>{dtype} auf {device}</translation>
    </message>
    <message>
        <source>next try in {time}</source>
        <translation>nächster Versuch in {time}</translation>
    </message>
    <message>
        <source>You, on this computer</source>
        <translation>Du, auf diesem Computer</translation>
    </message>
    <message>
        <source>{sessions}, for {time}</source>
        <translation>{sessions}, seit {time}</translation>
    </message>
</context>
<context>
    <name>HostedCard</name>
    <message>
        <source>What it hosts</source>
        <translation>Was er bereitstellt</translation>
    </message>
    <message>
        <source>Who uses it now</source>
        <translation>Wer ihn gerade nutzt</translation>
    </message>
</context>
<context>
    <name>ImportDialog</name>
    <message>
        <source>Import chats</source>
        <translation>Chats einlesen</translation>
    </message>
    <message>
        <source>Chats (*.json *.ndjson *.md)</source>
        <translation>Chats (*.json *.ndjson *.md)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
</context>
<context>
    <name>JoinScreen</name>
    <message>
        <source>Join a swarm</source>
        <translation>Einem Schwarm beitreten</translation>
    </message>
    <message>
        <source>Paste the address of one of its peers. Whoever runs the swarm can tell you; it begins with a slash.</source>
        <translation>Füge die Adresse eines seiner Peers ein. Wer den Schwarm betreibt, kann sie dir sagen; sie beginnt mit einem Schrägstrich.</translation>
    </message>
    <message>
        <source>Address of a peer</source>
        <translation>Adresse eines Peers</translation>
    </message>
    <message>
        <source>Join</source>
        <translation>Beitreten</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Zurück</translation>
    </message>
</context>
<context>
    <name>LimitsCard</name>
    <message>
        <source>Limits</source>
        <translation>Grenzen</translation>
    </message>
</context>
<context>
    <name>LinkDialog</name>
    <message>
        <source>Open this link?</source>
        <translation>Diesen Link öffnen?</translation>
    </message>
    <message>
        <source>Full address</source>
        <translation>Ganze Adresse</translation>
    </message>
    <message>
        <source>The link comes from the text of a model or of somebody else. It opens outside of Meadow.</source>
        <translation>Der Link stammt aus dem Text eines Modells oder von jemand anderem. Er öffnet sich außerhalb von Meadow.</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Öffnen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
</context>
<context>
    <name>ListField</name>
    <message>
        <source>Remove %1</source>
        <translation>%1 entfernen</translation>
    </message>
    <message>
        <source>Add an entry</source>
        <translation>Einen Eintrag hinzufügen</translation>
    </message>
    <message>
        <source>Add to “%1”</source>
        <translation>Zu „%1“ hinzufügen</translation>
    </message>
    <message>
        <source>Add</source>
        <translation>Hinzufügen</translation>
    </message>
</context>
<context>
    <name>MessageFoot</name>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Edit and ask again</source>
        <translation>Bearbeiten und neu fragen</translation>
    </message>
    <message>
        <source>Regenerate</source>
        <translation>Neu erzeugen</translation>
    </message>
    <message>
        <source>More for this message</source>
        <translation>Mehr zu dieser Nachricht</translation>
    </message>
</context>
<context>
    <name>MessageItem</name>
    <message>
        <source>You</source>
        <translation>Du</translation>
    </message>
    <message>
        <source>Answer</source>
        <translation>Antwort</translation>
    </message>
    <message>
        <source>version %1</source>
        <translation>Fassung %1</translation>
    </message>
</context>
<context>
    <name>MessageList</name>
    <message>
        <source>Messages</source>
        <translation>Nachrichten</translation>
    </message>
    <message>
        <source>To the newest</source>
        <translation>Zum Neuesten</translation>
    </message>
</context>
<context>
    <name>MessageMenu</name>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Edit and ask again…</source>
        <translation>Bearbeiten und neu fragen …</translation>
    </message>
    <message>
        <source>Edit…</source>
        <translation>Bearbeiten …</translation>
    </message>
    <message>
        <source>Answer again</source>
        <translation>Noch einmal antworten</translation>
    </message>
    <message>
        <source>Regenerate</source>
        <translation>Neu erzeugen</translation>
    </message>
    <message>
        <source>Previous version</source>
        <translation>Vorige Fassung</translation>
    </message>
    <message>
        <source>Next version</source>
        <translation>Nächste Fassung</translation>
    </message>
    <message>
        <source>Delete, with what follows</source>
        <translation>Löschen, mit allem, was folgt</translation>
    </message>
</context>
<context>
    <name>ModelCosts</name>
    <message>
        <source>Looking what it is</source>
        <translation>Es wird nachgesehen, was das ist</translation>
    </message>
    <message>
        <source>The owner of this model lets people in one by one: accept its terms on its page of the hub, then give Meadow a token of your account there.</source>
        <translation>Der Eigentümer dieses Modells lässt Leute einzeln ein: Stimme auf seiner Seite des Hubs den Bedingungen zu und gib Meadow dann ein Token deines Kontos dort.</translation>
    </message>
    <message>
        <source>Downloading %1</source>
        <translation>%1 wird heruntergeladen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>What has come stays, so that it can go on from there</source>
        <translation>Was schon da ist, bleibt; später geht es von dort weiter</translation>
    </message>
    <message>
        <source>Enter a token…</source>
        <translation>Token eingeben …</translation>
    </message>
    <message>
        <source>Download %1</source>
        <translation>%1 herunterladen</translation>
    </message>
    <message>
        <source>Use this model</source>
        <translation>Dieses Modell nehmen</translation>
    </message>
</context>
<context>
    <name>ModelFolder</name>
    <message>
        <source>Choose the folder of a model</source>
        <translation>Den Ordner eines Modells wählen</translation>
    </message>
</context>
<context>
    <name>ModelList</name>
    <message>
        <source>Search, or owner/name on the hub, or a folder</source>
        <translation>Suchen, oder owner/name im Hub, oder ein Ordner</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>%1 leaves this disk. It can be downloaded again.</source>
        <translation>%1 verlässt diese Festplatte. Es kann wieder heruntergeladen werden.</translation>
    </message>
    <message>
        <source>No model is up in this swarm, and none is on this disk. Write the name of one, for example owner/name.</source>
        <translation>In diesem Schwarm ist kein Modell da, und auf dieser Festplatte liegt keines. Schreib den Namen eines Modells, zum Beispiel owner/name.</translation>
    </message>
    <message>
        <source>No model of this name is here. Write owner/name for one of the hub, or the whole path of a folder.</source>
        <translation>Ein Modell dieses Namens gibt es hier nicht. Schreib owner/name für eines im Hub, oder den ganzen Pfad eines Ordners.</translation>
    </message>
    <message>
        <source>Choose a folder…</source>
        <translation>Einen Ordner wählen …</translation>
    </message>
    <message>
        <source>Hub token…</source>
        <translation>Token des Hubs …</translation>
    </message>
    <message>
        <source>Free the disk?</source>
        <translation>Platz auf der Festplatte schaffen?</translation>
    </message>
    <message>
        <source>Delete it</source>
        <translation>Löschen</translation>
    </message>
</context>
<context>
    <name>ModelPicker</name>
    <message>
        <source>Choose a model</source>
        <translation>Ein Modell wählen</translation>
    </message>
    <message>
        <source>Model: %1</source>
        <translation>Modell: %1</translation>
    </message>
    <message>
        <source>Opens a list to choose another one from</source>
        <translation>Öffnet eine Liste, um ein anderes zu wählen</translation>
    </message>
</context>
<context>
    <name>ModelRow</name>
    <message>
        <source>Delete %1 from this disk</source>
        <translation>%1 von dieser Festplatte löschen</translation>
    </message>
</context>
<context>
    <name>ModelTabs</name>
    <message>
        <source>Models of the swarm</source>
        <translation>Modelle des Schwarms</translation>
    </message>
    <message>
        <source>● You</source>
        <translation>● Du</translation>
    </message>
</context>
<context>
    <name>Models</name>
    <message>
        <source>As you wrote it</source>
        <translation>Wie du es geschrieben hast</translation>
    </message>
    <message>
        <source>Up in this swarm</source>
        <translation>In diesem Schwarm da</translation>
    </message>
    <message>
        <source>The demo, on this computer</source>
        <translation>Die Demo, auf diesem Computer</translation>
    </message>
    <message>
        <source>Used lately</source>
        <translation>Zuletzt benutzt</translation>
    </message>
    <message>
        <source>On this disk</source>
        <translation>Auf dieser Festplatte</translation>
    </message>
    <message>
        <source>A folder</source>
        <translation>Ein Ordner</translation>
    </message>
    <message>
        <source>A model of the hub</source>
        <translation>Ein Modell des Hubs</translation>
    </message>
    <message>
        <source>Off; it starts when you choose it</source>
        <translation>Aus; startet, wenn du sie wählst</translation>
    </message>
    <message>
        <source>Not up now</source>
        <translation>Gerade nicht da</translation>
    </message>
    <message>
        <source>{size} on this disk</source>
        <translation>{size} auf dieser Festplatte</translation>
    </message>
    <message>
        <source>1 server</source>
        <translation>1 Server</translation>
    </message>
    <message numerus="yes">
        <source>%n servers</source>
        <translation>
            <numerusform>%n Server</numerusform>
            <numerusform>%n Server</numerusform>
        </translation>
    </message>
    <message>
        <source>healthy · {servers}</source>
        <translation>gesund · {servers}</translation>
    </message>
    <message>
        <source>blocks are missing · {servers}</source>
        <translation>Blöcke fehlen · {servers}</translation>
    </message>
    <message>
        <source>{number} blocks</source>
        <translation>{number} Blöcke</translation>
    </message>
    <message>
        <source>context {number}</source>
        <translation>Kontext {number}</translation>
    </message>
    <message>
        <source>Everything that a chat needs is on this computer.</source>
        <translation>Alles, was ein Chat braucht, ist auf diesem Computer.</translation>
    </message>
    <message>
        <source>A chat first downloads {size}.</source>
        <translation>Ein Chat lädt zuerst {size} herunter.</translation>
    </message>
    <message>
        <source>A chat first downloads {size}, but only {free} are free on the disk.</source>
        <translation>Ein Chat lädt zuerst {size} herunter, aber auf der Festplatte sind nur {free} frei.</translation>
    </message>
    <message>
        <source>A chat first downloads {size}; {free} are free on the disk.</source>
        <translation>Ein Chat lädt zuerst {size} herunter; auf der Festplatte sind {free} frei.</translation>
    </message>
    <message>
        <source>Each block is about {size}.</source>
        <translation>Jeder Block hat etwa {size}.</translation>
    </message>
    <message>
        <source>{size} free on the disk</source>
        <translation>{size} auf der Festplatte frei</translation>
    </message>
    <message>
        <source>Meadow cannot run this model.</source>
        <translation>Meadow kann dieses Modell nicht betreiben.</translation>
    </message>
    <message>
        <source>There is not enough room on the disk. Free some, then try again.</source>
        <translation>Auf der Festplatte ist nicht genug Platz. Schaffe welchen und versuche es noch einmal.</translation>
    </message>
</context>
<context>
    <name>MoreButton</name>
    <message>
        <source>Show more (%L1 characters left)</source>
        <translation>Mehr zeigen (noch %L1 Zeichen)</translation>
    </message>
</context>
<context>
    <name>NoModel</name>
    <message>
        <source>No model is up</source>
        <translation>Kein Modell ist da</translation>
    </message>
    <message>
        <source>The demo is starting</source>
        <translation>Die Demo startet</translation>
    </message>
    <message>
        <source>Nobody in this swarm serves a whole model now. The demo runs a small one on this computer: nothing leaves it, and nothing is downloaded.</source>
        <translation>Niemand in diesem Schwarm stellt gerade ein ganzes Modell bereit. Die Demo betreibt ein kleines auf diesem Computer: Nichts verlässt ihn, und nichts wird heruntergeladen.</translation>
    </message>
    <message>
        <source>Two servers and a small model, all on this computer: nothing leaves it, and nothing is downloaded.</source>
        <translation>Zwei Server und ein kleines Modell, alles auf diesem Computer: Nichts verlässt ihn, und nichts wird heruntergeladen.</translation>
    </message>
    <message>
        <source>Start the demo</source>
        <translation>Demo starten</translation>
    </message>
</context>
<context>
    <name>Node</name>
    <message>
        <source>Answers are chosen among so many of the likeliest tokens, in chats that do not say otherwise; 0 means all.</source>
        <translation>Antworten werden aus so vielen der wahrscheinlichsten Token gewählt, in Chats, die nichts anderes sagen; 0 heißt aus allen.</translation>
    </message>
    <message>
        <source>Answers are chosen among the likeliest tokens that together have this probability, in chats that do not say otherwise.</source>
        <translation>Antworten werden aus den wahrscheinlichsten Token gewählt, die zusammen diese Wahrscheinlichkeit haben, in Chats, die nichts anderes sagen.</translation>
    </message>
    <message>
        <source>Find peers on the local network, and let them find this node, while it listens to other machines at all (see host_maddrs).</source>
        <translation>Peers im lokalen Netz finden und diesen Knoten von ihnen finden lassen, solange er überhaupt für andere Rechner lauscht (siehe host_maddrs).</translation>
    </message>
    <message>
        <source>How freely answers are chosen, in chats that do not say otherwise; 0 always takes the likeliest token.</source>
        <translation>Wie frei Antworten gewählt werden, in Chats, die nichts anderes sagen; 0 nimmt immer das wahrscheinlichste Token.</translation>
    </message>
    <message>
        <source>How long an answer may become, in chats that do not say otherwise.</source>
        <translation>Wie lang eine Antwort werden darf, in Chats, die nichts anderes sagen.</translation>
    </message>
    <message>
        <source>How long the sessions of others may take to end or to move to another server when sharing ends, or moves to other blocks. `finish --within` may say otherwise. New sessions are refused meanwhile, and it is over sooner when no session is left.</source>
        <translation>Wie lange Sitzungen anderer noch enden oder zu einem anderen Server umziehen dürfen, wenn das Teilen endet oder zu anderen Blöcken umzieht. `finish --within` kann etwas anderes sagen. Neue Sitzungen werden so lange abgelehnt, und es ist früher vorbei, wenn keine mehr da ist.</translation>
    </message>
    <message>
        <source>How many requests of OpenAI clients are answered at the same time; others are told to try again.</source>
        <translation>Wie viele Anfragen von OpenAI-Programmen gleichzeitig beantwortet werden; anderen wird gesagt, dass sie es später versuchen sollen.</translation>
    </message>
    <message>
        <source>How many tokens of all sessions together a server may cache.</source>
        <translation>Wie viele Token aller Sitzungen zusammen ein Server zwischenspeichern darf.</translation>
    </message>
    <message>
        <source>How much of the memory that is free when sharing begins it may take, of the GPU or of the machine.</source>
        <translation>Wie viel von dem Speicher, der zu Beginn des Teilens frei ist, es nehmen darf, von der GPU oder vom Computer.</translation>
    </message>
    <message>
        <source>Memory of the machine that sharing leaves free for other programs. A GPU&apos;s own memory does not count here.</source>
        <translation>Speicher des Computers, den das Teilen anderen Programmen frei lässt. Der eigene Speicher einer GPU zählt hier nicht.</translation>
    </message>
    <message>
        <source>Peers that this node never talks to: it takes nothing from them, gives nothing to them, and no chat goes over them.</source>
        <translation>Peers, mit denen dieser Knoten nie spricht: Er nimmt nichts von ihnen, gibt ihnen nichts, und kein Chat geht über sie.</translation>
    </message>
    <message>
        <source>Peers to join the swarm through. Empty: the built-in list. `meadow chat`, `serve` and `models` use it too.</source>
        <translation>Peers, über die dem Schwarm beigetreten wird. Leer: die eingebaute Liste. Auch `meadow chat`, `serve` und `models` benutzen sie.</translation>
    </message>
    <message>
        <source>The dtype in which shared blocks compute.</source>
        <translation>Das Zahlenformat, in dem geteilte Blöcke rechnen.</translation>
    </message>
    <message>
        <source>The model of chats that have none of their own.</source>
        <translation>Das Modell von Chats, die kein eigenes haben.</translation>
    </message>
    <message>
        <source>The model that this machine shares, when `share` is not told another one.</source>
        <translation>Das Modell, das dieser Computer teilt, wenn `share` kein anderes genannt bekommt.</translation>
    </message>
    <message>
        <source>The only peers that this node talks to. Empty: everybody that is not blocked.</source>
        <translation>Die einzigen Peers, mit denen dieser Knoten spricht. Leer: alle, die nicht gesperrt sind.</translation>
    </message>
    <message>
        <source>The port on 127.0.0.1 where the node answers the app, the commands and OpenAI clients. 0 takes a free one at each start; choose one so that other programs can keep the address.</source>
        <translation>Der Port auf 127.0.0.1, an dem der Knoten der App, den Befehlen und OpenAI-Programmen antwortet. 0 nimmt bei jedem Start einen freien; wähle einen, damit andere Programme die Adresse behalten können.</translation>
    </message>
    <message>
        <source>What computes the shared blocks.</source>
        <translation>Was die geteilten Blöcke berechnet.</translation>
    </message>
    <message>
        <source>Where the node listens for other peers. The default is for this machine only; /ip4/0.0.0.0/tcp/31337 lets others in.</source>
        <translation>Wo der Knoten auf andere Peers wartet. Die Vorgabe gilt nur für diesen Computer; /ip4/0.0.0.0/tcp/31337 lässt andere herein.</translation>
    </message>
    <message>
        <source>Whether the node offers /metrics for Prometheus. The token is needed there as everywhere.</source>
        <translation>Ob der Knoten /metrics für Prometheus anbietet. Das Token wird dort wie überall gebraucht.</translation>
    </message>
    <message>
        <source>`share` must name one</source>
        <translation>`share` muss eines nennen</translation>
    </message>
    <message>
        <source>a GPU if this machine has one that works, else the CPU; the status says which</source>
        <translation>eine GPU, wenn dieser Computer eine hat, die funktioniert, sonst der Prozessor; der Status sagt, was davon</translation>
    </message>
    <message>
        <source>as long as the model&apos;s context has room, at most 4096</source>
        <translation>solange der Kontext des Modells Platz hat, höchstens 4096</translation>
    </message>
    <message>
        <source>as many as fit beside the blocks, within reason</source>
        <translation>so viele, wie neben die Blöcke passen, in vernünftigen Grenzen</translation>
    </message>
    <message>
        <source>as the model recommends</source>
        <translation>wie es das Modell empfiehlt</translation>
    </message>
    <message>
        <source>the checkpoint&apos;s own</source>
        <translation>das des Checkpoints</translation>
    </message>
    <message>
        <source>the first model that is up</source>
        <translation>das erste Modell, das da ist</translation>
    </message>
</context>
<context>
    <name>NodeErrors</name>
    <message>
        <source>This chat is longer than the model can hold. Edit the question, or begin a new chat.</source>
        <translation>Dieser Chat ist länger, als das Modell fassen kann. Die Frage ändern oder einen neuen Chat beginnen.</translation>
    </message>
    <message>
        <source>Meadow cannot run this model. Choose another one.</source>
        <translation>Meadow kann dieses Modell nicht ausführen. Bitte ein anderes wählen.</translation>
    </message>
    <message>
        <source>Nobody serves this model now, or it is called otherwise. Choose another one.</source>
        <translation>Niemand bietet dieses Modell gerade an, oder es heißt anders. Bitte ein anderes wählen.</translation>
    </message>
    <message>
        <source>No model is up. Choose one, or start the demo.</source>
        <translation>Kein Modell läuft. Eines wählen oder die Demo starten.</translation>
    </message>
    <message>
        <source>This chat is not there any more.</source>
        <translation>Diesen Chat gibt es nicht mehr.</translation>
    </message>
    <message>
        <source>This message is not there any more.</source>
        <translation>Diese Nachricht gibt es nicht mehr.</translation>
    </message>
    <message>
        <source>An answer is being written in this chat. Wait for it, or stop it.</source>
        <translation>In diesem Chat entsteht gerade eine Antwort. Auf sie warten oder sie anhalten.</translation>
    </message>
    <message>
        <source>This computer shares another model already. Stop that first.</source>
        <translation>Dieser Computer teilt schon ein anderes Modell. Erst dieses beenden.</translation>
    </message>
    <message>
        <source>Nothing is shared now.</source>
        <translation>Gerade wird nichts geteilt.</translation>
    </message>
    <message>
        <source>No model of this swarm can be fetched from here. Choose the model to share.</source>
        <translation>Kein Modell dieses Schwarms lässt sich von hier aus laden. Bitte das Modell wählen, das geteilt werden soll.</translation>
    </message>
    <message>
        <source>The owner of this model lets people in one by one. Accept its terms on the hub, then enter a token.</source>
        <translation>Wem dieses Modell gehört, lässt jeden einzeln zu. Auf dem Hub den Bedingungen zustimmen, dann ein Token eingeben.</translation>
    </message>
    <message>
        <source>Too much is going on now. Try again in a moment.</source>
        <translation>Gerade ist zu viel los. Gleich noch einmal versuchen.</translation>
    </message>
    <message>
        <source>The swarm does not answer now. Try again in a moment.</source>
        <translation>Der Schwarm antwortet gerade nicht. Gleich noch einmal versuchen.</translation>
    </message>
    <message>
        <source>No other computer of the swarm answers.</source>
        <translation>Kein anderer Computer des Schwarms antwortet.</translation>
    </message>
    <message>
        <source>Meadow has not joined the swarm yet. Try again in a moment.</source>
        <translation>Meadow ist noch nicht im Schwarm. Gleich noch einmal versuchen.</translation>
    </message>
    <message>
        <source>Nobody serves some blocks of this model now. Wait, or choose another model.</source>
        <translation>Einige Blöcke dieses Modells bietet gerade niemand an. Warten oder ein anderes Modell wählen.</translation>
    </message>
    <message>
        <source>A computer that worked on this answer was lost, and none could take its place. Try again.</source>
        <translation>Ein Computer, der an dieser Antwort rechnete, ist ausgefallen, und keiner konnte ihn ersetzen. Noch einmal versuchen.</translation>
    </message>
    <message>
        <source>A computer that worked on this answer took too long. Try again.</source>
        <translation>Ein Computer, der an dieser Antwort rechnete, brauchte zu lange. Noch einmal versuchen.</translation>
    </message>
    <message>
        <source>The computers that serve this model have no room now. Try again later.</source>
        <translation>Die Computer, die dieses Modell anbieten, haben gerade keinen Platz. Später noch einmal versuchen.</translation>
    </message>
    <message>
        <source>The part that writes answers ended and is started again. Try again.</source>
        <translation>Der Teil, der Antworten schreibt, ist ausgefallen und wird neu gestartet. Noch einmal versuchen.</translation>
    </message>
    <message>
        <source>The connection to the swarm ended and is made again. Try again.</source>
        <translation>Die Verbindung zum Schwarm ist abgerissen und wird neu aufgebaut. Noch einmal versuchen.</translation>
    </message>
    <message>
        <source>A part of Meadow ended without warning and is started again. Try again in a moment.</source>
        <translation>Ein Teil von Meadow ist unerwartet ausgefallen und wird neu gestartet. Gleich noch einmal versuchen.</translation>
    </message>
    <message>
        <source>Meadow is still starting. Try again in a moment.</source>
        <translation>Meadow startet noch. Gleich noch einmal versuchen.</translation>
    </message>
    <message>
        <source>Meadow is ending.</source>
        <translation>Meadow wird gerade beendet.</translation>
    </message>
    <message>
        <source>This is the model of the demo, and the demo is off. Start it, or choose another model.</source>
        <translation>Das ist das Modell der Demo, und die Demo ist aus. Sie starten oder ein anderes Modell wählen.</translation>
    </message>
    <message>
        <source>The model hub cannot be reached. Check the network, then try again.</source>
        <translation>Der Modell-Hub ist nicht zu erreichen. Das Netz prüfen, dann noch einmal versuchen.</translation>
    </message>
    <message>
        <source>The download failed. What has come stays; try again.</source>
        <translation>Das Herunterladen ist gescheitert. Was da ist, bleibt; noch einmal versuchen.</translation>
    </message>
    <message>
        <source>There is not enough free memory. Close other programs, or allow Meadow more.</source>
        <translation>Es ist zu wenig Speicher frei. Andere Programme schließen oder Meadow mehr erlauben.</translation>
    </message>
    <message>
        <source>Not one block of this model fits into the memory that Meadow may use. Change the limits.</source>
        <translation>In den Speicher, den Meadow nutzen darf, passt kein einziger Block dieses Modells. Die Grenzen ändern.</translation>
    </message>
    <message>
        <source>The GPU cannot be used now. The checks in the diagnostics say why.</source>
        <translation>Die GPU ist gerade nicht zu gebrauchen. Die Prüfungen unter Diagnose sagen, warum.</translation>
    </message>
    <message>
        <source>The disk is full. Free some room, then try again.</source>
        <translation>Die Platte ist voll. Platz schaffen, dann noch einmal versuchen.</translation>
    </message>
    <message>
        <source>What PyTorch needs for the GPU could not be fetched. Try again, or use the processor.</source>
        <translation>Was PyTorch für die GPU braucht, war nicht zu bekommen. Noch einmal versuchen oder den Prozessor nutzen.</translation>
    </message>
    <message>
        <source>The disk has no room for what PyTorch needs for the GPU. Free some, or use the processor.</source>
        <translation>Auf der Platte ist kein Platz für das, was PyTorch für die GPU braucht. Platz schaffen oder den Prozessor nutzen.</translation>
    </message>
    <message>
        <source>PyTorch does not work with this GPU: mostly the driver is too old. Renew it, or use the processor.</source>
        <translation>PyTorch läuft nicht mit dieser GPU: Meist ist der Treiber zu alt. Ihn erneuern oder den Prozessor nutzen.</translation>
    </message>
    <message>
        <source>The chats cannot be read or written now.</source>
        <translation>Die Chats lassen sich gerade nicht lesen oder schreiben.</translation>
    </message>
    <message>
        <source>Another program has the chats open.</source>
        <translation>Ein anderes Programm hat die Chats geöffnet.</translation>
    </message>
    <message>
        <source>The chats were written by a newer Meadow. Install that one.</source>
        <translation>Die Chats stammen von einem neueren Meadow. Bitte dieses installieren.</translation>
    </message>
    <message>
        <source>The file with the chats is damaged.</source>
        <translation>Die Datei mit den Chats ist beschädigt.</translation>
    </message>
    <message>
        <source>Something went wrong inside Meadow. The log says more.</source>
        <translation>In Meadow ist etwas schiefgegangen. Im Protokoll steht mehr.</translation>
    </message>
</context>
<context>
    <name>NodeLink</name>
    <message>
        <source>The file {file} cannot be written: {reason}.</source>
        <translation>Die Datei {file} kann nicht geschrieben werden: {reason}.</translation>
    </message>
    <message>
        <source>The node at {url} does not know our token.</source>
        <translation>Der Knoten unter {url} kennt unser Token nicht.</translation>
    </message>
    <message>
        <source>Something answers at {url}, but not like a Meadow node ({status}).</source>
        <translation>Unter {url} antwortet etwas, aber nicht wie ein Knoten von Meadow ({status}).</translation>
    </message>
    <message>
        <source>Meadow&apos;s node is not there yet. Try again in a moment.</source>
        <translation>Der Knoten von Meadow ist noch nicht da. Versuche es gleich noch einmal.</translation>
    </message>
    <message>
        <source>The node&apos;s answer is larger than this window can take.</source>
        <translation>Die Antwort des Knotens ist größer, als dieses Fenster aufnehmen kann.</translation>
    </message>
    <message>
        <source>What answers at {url} is no JSON.</source>
        <translation>Was unter {url} antwortet, ist kein JSON.</translation>
    </message>
    <message>
        <source>The node at {url} does not answer. It may be busy; try again.</source>
        <translation>Der Knoten unter {url} antwortet nicht. Vielleicht ist er beschäftigt; versuche es noch einmal.</translation>
    </message>
    <message>
        <source>The node at {url} ended before it answered. It is started again; try then.</source>
        <translation>Der Knoten unter {url} endete, bevor er antwortete. Er wird wieder gestartet; versuche es dann noch einmal.</translation>
    </message>
    <message>
        <source>Nothing answers at {url}.</source>
        <translation>Unter {url} antwortet nichts.</translation>
    </message>
    <message>
        <source>The file could not be written: {reason}.</source>
        <translation>Die Datei konnte nicht geschrieben werden: {reason}.</translation>
    </message>
    <message>
        <source>MEADOW_URL is no address of a node. It looks like http://127.0.0.1:4711</source>
        <translation>MEADOW_URL ist keine Adresse eines Knotens. So sieht eine aus: http://127.0.0.1:4711</translation>
    </message>
    <message>
        <source>MEADOW_URL leads to another machine without encryption, so others could read the token on its way. Use a tunnel (ssh -L) and an address on 127.0.0.1.</source>
        <translation>MEADOW_URL führt ohne Verschlüsselung auf einen anderen Rechner; andere könnten das Token unterwegs lesen. Nimm einen Tunnel (ssh -L) und eine Adresse auf 127.0.0.1.</translation>
    </message>
    <message>
        <source>MEADOW_URL is set but MEADOW_TOKEN is not. Set it to the token of that node.</source>
        <translation>MEADOW_URL ist gesetzt, MEADOW_TOKEN aber nicht. Setze es auf das Token dieses Knotens.</translation>
    </message>
    <message>
        <source>This installation of Meadow is incomplete: its program `meadow` is missing. Install it anew.</source>
        <translation>Diese Installation von Meadow ist unvollständig: Ihr Programm `meadow` fehlt. Installiere Meadow neu.</translation>
    </message>
    <message>
        <source>Meadow&apos;s node could not be started ({reason}).</source>
        <translation>Der Knoten von Meadow konnte nicht gestartet werden ({reason}).</translation>
    </message>
    <message>
        <source>The node takes longer than usual to start.</source>
        <translation>Der Knoten braucht zum Starten länger als sonst.</translation>
    </message>
    <message>
        <source>The token of the node in {file} cannot be read. `meadow stop` and a new start mend that.</source>
        <translation>Das Token des Knotens in {file} kann nicht gelesen werden. `meadow stop` und ein neuer Start beheben das.</translation>
    </message>
    <message>
        <source>It said nothing.</source>
        <translation>Er hat nichts gesagt.</translation>
    </message>
    <message>
        <source>Meadow&apos;s node ended at once.</source>
        <translation>Der Knoten von Meadow endete sofort.</translation>
    </message>
    <message>
        <source>It is tried again.</source>
        <translation>Es wird noch einmal versucht.</translation>
    </message>
    <message>
        <source>Meadow&apos;s node ends again and again. Its log (logs/node.log in Meadow&apos;s folder) says more.</source>
        <translation>Der Knoten von Meadow endet immer wieder. Sein Protokoll (logs/node.log im Ordner von Meadow) sagt mehr.</translation>
    </message>
    <message>
        <source>The connection to Meadow&apos;s node is lost. It is found or started again.</source>
        <translation>Die Verbindung zum Knoten von Meadow ist abgerissen. Er wird wiedergefunden oder neu gestartet.</translation>
    </message>
    <message>
        <source>The node was stopped. Nothing is shared, and chats wait until it is started again.</source>
        <translation>Der Knoten wurde beendet. Nichts wird geteilt, und Chats warten, bis er wieder gestartet wird.</translation>
    </message>
    <message>
        <source>The node goes on by itself when there is room.</source>
        <translation>Der Knoten macht von selbst weiter, sobald Platz ist.</translation>
    </message>
</context>
<context>
    <name>Onboarding</name>
    <message>
        <source>The node starts again with this address…</source>
        <translation>Der Knoten startet mit dieser Adresse neu …</translation>
    </message>
    <message>
        <source>Your computer is in the swarm. It shares nothing yet.</source>
        <translation>Dein Computer ist im Schwarm. Er teilt noch nichts.</translation>
    </message>
    <message>
        <source>Nobody answers at this address yet. Meadow goes on trying by itself.</source>
        <translation>Unter dieser Adresse antwortet noch niemand. Meadow versucht es von selbst weiter.</translation>
    </message>
    <message>
        <source>Joining the swarm…</source>
        <translation>Beitritt zum Schwarm …</translation>
    </message>
    <message>
        <source>Paste the address that somebody of the swarm gave you.</source>
        <translation>Füge die Adresse ein, die dir jemand aus dem Schwarm gegeben hat.</translation>
    </message>
    <message>
        <source>This is no address of a peer. It looks like %1.</source>
        <translation>Das ist keine Adresse eines Peers. So sieht eine aus: %1.</translation>
    </message>
</context>
<context>
    <name>Outcome</name>
    <message>
        <source>Start the demo</source>
        <translation>Demo starten</translation>
    </message>
    <message>
        <source>Edit the question</source>
        <translation>Frage bearbeiten</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>Neuer Chat</translation>
    </message>
    <message>
        <source>Regenerate</source>
        <translation>Neu erzeugen</translation>
    </message>
</context>
<context>
    <name>PauseButton</name>
    <message>
        <source>Pause</source>
        <translation>Pause</translation>
    </message>
    <message>
        <source>Opens a menu: for how long</source>
        <translation>Öffnet ein Menü: für wie lange</translation>
    </message>
    <message>
        <source>For 1 hour</source>
        <translation>Für 1 Stunde</translation>
    </message>
    <message>
        <source>Until tomorrow morning</source>
        <translation>Bis morgen früh</translation>
    </message>
    <message>
        <source>Until I resume</source>
        <translation>Bis ich fortsetze</translation>
    </message>
</context>
<context>
    <name>PlanCard</name>
    <message>
        <source>Choose a model to share</source>
        <translation>Wähle ein Modell zum Teilen</translation>
    </message>
    <message>
        <source>Looking what this computer could host…</source>
        <translation>Es wird nachgesehen, was dieser Computer bereitstellen könnte …</translation>
    </message>
    <message>
        <source>Nothing is shared before you say so.</source>
        <translation>Nichts wird geteilt, bevor du es sagst.</translation>
    </message>
    <message>
        <source>Share</source>
        <translation>Teilen</translation>
    </message>
</context>
<context>
    <name>ProblemList</name>
    <message numerus="yes">
        <source>and %n more</source>
        <translation>
            <numerusform>und %n weiteres</numerusform>
            <numerusform>und %n weitere</numerusform>
        </translation>
    </message>
    <message>
        <source>What the checks found</source>
        <translation>Was die Prüfungen ergaben</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
</context>
<context>
    <name>Problems</name>
    <message>
        <source>Try again</source>
        <translation>Noch einmal versuchen</translation>
    </message>
    <message>
        <source>Start the demo</source>
        <translation>Demo starten</translation>
    </message>
    <message>
        <source>Enter a hub token</source>
        <translation>Ein Token des Hubs eingeben</translation>
    </message>
    <message>
        <source>Change the limits</source>
        <translation>Grenzen ändern</translation>
    </message>
    <message>
        <source>Free the disk</source>
        <translation>Platz auf der Festplatte schaffen</translation>
    </message>
    <message>
        <source>Choose another model</source>
        <translation>Ein anderes Modell wählen</translation>
    </message>
    <message>
        <source>Open the settings</source>
        <translation>Einstellungen öffnen</translation>
    </message>
    <message>
        <source>Run the checks</source>
        <translation>Prüfungen starten</translation>
    </message>
    <message>
        <source>Copy diagnostics</source>
        <translation>Diagnose kopieren</translation>
    </message>
    <message>
        <source>Use the processor instead</source>
        <translation>Stattdessen den Prozessor nutzen</translation>
    </message>
    <message numerus="yes">
        <source>%n times</source>
        <translation>
            <numerusform>%n-mal</numerusform>
            <numerusform>%n-mal</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Progress</name>
    <message>
        <source>{done} of {total}</source>
        <translation>{done} von {total}</translation>
    </message>
    <message>
        <source>Block {number} of {all}</source>
        <translation>Block {number} von {all}</translation>
    </message>
</context>
<context>
    <name>QuestionBubble</name>
    <message>
        <source>Show more</source>
        <translation>Mehr zeigen</translation>
    </message>
</context>
<context>
    <name>Questions</name>
    <message>
        <source>Meadow goes on without the window</source>
        <translation>Meadow läuft ohne das Fenster weiter</translation>
    </message>
    <message>
        <source>Close the window</source>
        <translation>Fenster schließen</translation>
    </message>
    <message>
        <source>Quit Meadow?</source>
        <translation>Meadow beenden?</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Beenden</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Try the demo?</source>
        <translation>Die Demo ausprobieren?</translation>
    </message>
    <message>
        <source>A link asks for it. A small model is started on this computer, beside what runs already; nothing leaves this computer.</source>
        <translation>Ein Link bittet darum. Ein kleines Modell wird auf diesem Rechner gestartet, neben dem, was schon läuft; nichts verlässt diesen Rechner.</translation>
    </message>
    <message>
        <source>Start the demo</source>
        <translation>Demo starten</translation>
    </message>
</context>
<context>
    <name>ReadersPanel</name>
    <message>
        <source>Who could read this chat</source>
        <translation>Wer diesen Chat lesen konnte</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>These computed its answers so far:</source>
        <translation>Diese haben seine Antworten bisher berechnet:</translation>
    </message>
    <message>
        <source>Who computed the answers</source>
        <translation>Wer die Antworten berechnet hat</translation>
    </message>
    <message>
        <source>%1 (this computer)</source>
        <translation>%1 (dieser Computer)</translation>
    </message>
    <message>
        <source>Earlier messages are not loaded, so others may have computed those.</source>
        <translation>Frühere Nachrichten sind nicht geladen; die könnten andere berechnet haben.</translation>
    </message>
</context>
<context>
    <name>ReadersScreen</name>
    <message>
        <source>Who can read what you write</source>
        <translation>Wer lesen kann, was du schreibst</translation>
    </message>
    <message>
        <source>In the demo, nobody but you: it runs on this computer alone. In a public swarm it is different. There, the people whose computers work on an answer could read it, so write nothing there that strangers must not read.</source>
        <translation>In der Demo niemand außer dir: Sie läuft nur auf diesem Computer. In einem öffentlichen Schwarm ist das anders. Dort könnten die Leute, deren Computer an einer Antwort arbeiten, sie lesen. Schreib also nichts hinein, was Fremde nicht lesen dürfen.</translation>
    </message>
    <message>
        <source>The people whose computers work on an answer could read it and what you asked, so write nothing that strangers must not read. Under each answer you can see which computers worked on it.</source>
        <translation>Die Leute, deren Computer an einer Antwort arbeiten, könnten sie und deine Frage lesen. Schreib also nichts, was Fremde nicht lesen dürfen. Unter jeder Antwort siehst du, welche Computer an ihr gearbeitet haben.</translation>
    </message>
    <message>
        <source>The demo is ready.</source>
        <translation>Die Demo ist bereit.</translation>
    </message>
    <message>
        <source>The demo did not start. %1</source>
        <translation>Die Demo ist nicht gestartet. %1</translation>
    </message>
    <message>
        <source>The demo starts: two servers and a model, on this computer…</source>
        <translation>Die Demo startet: zwei Server und ein Modell, auf diesem Computer …</translation>
    </message>
    <message>
        <source>Start chatting</source>
        <translation>Chat beginnen</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Noch einmal versuchen</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Zurück</translation>
    </message>
</context>
<context>
    <name>Recovery</name>
    <message>
        <source>The file could not be renamed (%1). Rename it yourself, then try again.</source>
        <translation>Die Datei konnte nicht umbenannt werden (%1). Benenne sie selbst um und versuche es noch einmal.</translation>
    </message>
</context>
<context>
    <name>RenameDialog</name>
    <message>
        <source>Rename chat</source>
        <translation>Chat umbenennen</translation>
    </message>
    <message>
        <source>Title of the chat</source>
        <translation>Titel des Chats</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>Umbenennen</translation>
    </message>
</context>
<context>
    <name>Route</name>
    <message>
        <source>first token {time}</source>
        <translation>erstes Token nach {time}</translation>
    </message>
    <message>
        <source>began again on the same servers in {time}</source>
        <translation>begann auf denselben Servern neu, in {time}</translation>
    </message>
    <message>
        <source>moved from {old} to {new} in {time}</source>
        <translation>wechselte von {old} zu {new}, in {time}</translation>
    </message>
    <message>
        <source>You</source>
        <translation>Du</translation>
    </message>
    <message>
        <source>embeddings, head</source>
        <translation>Einbettung, Kopf</translation>
    </message>
    <message>
        <source>Between them</source>
        <translation>Dazwischen</translation>
    </message>
    <message>
        <source>network</source>
        <translation>Netz</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>{number}, of which the servers still had {reused}</source>
        <translation>{number}, davon hatten die Server noch {reused}</translation>
    </message>
    <message>
        <source>Tokens read</source>
        <translation>Gelesene Token</translation>
    </message>
    <message>
        <source>Tokens written</source>
        <translation>Geschriebene Token</translation>
    </message>
    <message>
        <source>Sent to the first server</source>
        <translation>An den ersten Server gesendet</translation>
    </message>
    <message>
        <source>{number} ms</source>
        <translation>{number} ms</translation>
    </message>
    <message>
        <source>{number} s</source>
        <translation>{number} s</translation>
    </message>
    <message>
        <source>on this computer</source>
        <translation>auf diesem Computer</translation>
    </message>
    <message>
        <source>over 1 peer</source>
        <translation>über 1 Peer</translation>
    </message>
    <message>
        <source>over {number} peers</source>
        <translation>über {number} Peers</translation>
    </message>
    <message>
        <source>{name} (here)</source>
        <translation>{name} (hier)</translation>
    </message>
    <message>
        <source>computing {time}</source>
        <translation>Rechnen {time}</translation>
    </message>
    <message>
        <source>waiting {time}</source>
        <translation>Warten {time}</translation>
    </message>
    <message>
        <source>on the way {time}</source>
        <translation>Unterwegs {time}</translation>
    </message>
</context>
<context>
    <name>RouteLine</name>
    <message>
        <source>Shows who computed this answer</source>
        <translation>Zeigt, wer diese Antwort berechnet hat</translation>
    </message>
</context>
<context>
    <name>RouteView</name>
    <message>
        <source>How long a new token took, on average</source>
        <translation>Wie lange ein neues Token im Mittel gedauert hat</translation>
    </message>
    <message>
        <source>Who computed this answer</source>
        <translation>Wer diese Antwort berechnet hat</translation>
    </message>
    <message>
        <source>computing</source>
        <translation>Rechnen</translation>
    </message>
    <message>
        <source>waiting for its turn</source>
        <translation>Warten, bis es dran ist</translation>
    </message>
    <message>
        <source>on the network</source>
        <translation>Im Netz</translation>
    </message>
</context>
<context>
    <name>Sampling</name>
    <message>
        <source>Temperature</source>
        <translation>Temperatur</translation>
    </message>
    <message>
        <source>0 always takes the likeliest word; higher is more surprising</source>
        <translation>0 nimmt immer das wahrscheinlichste Wort; höher überrascht mehr</translation>
    </message>
    <message>
        <source>Top p</source>
        <translation>Top p</translation>
    </message>
    <message>
        <source>Only the likeliest words that together reach this chance</source>
        <translation>Nur die wahrscheinlichsten Wörter, die zusammen diese Chance haben</translation>
    </message>
    <message>
        <source>Top k</source>
        <translation>Top k</translation>
    </message>
    <message>
        <source>Only so many of the likeliest words; 0 means all</source>
        <translation>Nur so viele der wahrscheinlichsten Wörter; 0 heißt alle</translation>
    </message>
    <message>
        <source>Longest answer</source>
        <translation>Längste Antwort</translation>
    </message>
    <message>
        <source>In tokens; a token is about three quarters of a word</source>
        <translation>In Token; ein Token ist etwa ein Dreiviertel eines Wortes</translation>
    </message>
    <message>
        <source>Frequency penalty</source>
        <translation>Häufigkeitsabzug</translation>
    </message>
    <message>
        <source>Above 0 avoids words the more, the more often they came</source>
        <translation>Über 0 meidet Wörter umso mehr, je öfter sie kamen</translation>
    </message>
    <message>
        <source>Presence penalty</source>
        <translation>Wiederholungsabzug</translation>
    </message>
    <message>
        <source>Above 0 avoids words that came before</source>
        <translation>Über 0 meidet Wörter, die schon kamen</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>Startwert</translation>
    </message>
    <message>
        <source>The same question with the same seed gets the same answer</source>
        <translation>Dieselbe Frage mit demselben Startwert bekommt dieselbe Antwort</translation>
    </message>
    <message>
        <source>a whole number</source>
        <translation>eine ganze Zahl</translation>
    </message>
    <message>
        <source>a number</source>
        <translation>eine Zahl</translation>
    </message>
    <message>
        <source>Write {kind}, or nothing.</source>
        <translation>Schreib {kind} oder nichts.</translation>
    </message>
    <message>
        <source>This number is too large.</source>
        <translation>Diese Zahl ist zu groß.</translation>
    </message>
    <message>
        <source>More than {low}, at most {high}.</source>
        <translation>Mehr als {low}, höchstens {high}.</translation>
    </message>
    <message>
        <source>Between {low} and {high}.</source>
        <translation>Zwischen {low} und {high}.</translation>
    </message>
</context>
<context>
    <name>SamplingField</name>
    <message>
        <source>as advised</source>
        <translation>wie empfohlen</translation>
    </message>
</context>
<context>
    <name>ServerTable</name>
    <message>
        <source>Server</source>
        <translation>Server</translation>
    </message>
    <message>
        <source>Blocks</source>
        <translation>Blöcke</translation>
    </message>
    <message>
        <source>Speed</source>
        <translation>Tempo</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Zustand</translation>
    </message>
    <message>
        <source>Servers of %1</source>
        <translation>Server von %1</translation>
    </message>
    <message>
        <source>● You, %1</source>
        <translation>● Du, %1</translation>
    </message>
    <message>
        <source>online</source>
        <translation>online</translation>
    </message>
</context>
<context>
    <name>SettingNames</name>
    <message>
        <source>Port</source>
        <translation>Port</translation>
    </message>
    <message>
        <source>Peers to join through</source>
        <translation>Peers für den Beitritt</translation>
    </message>
    <message>
        <source>Addresses to listen on</source>
        <translation>Adressen zum Lauschen</translation>
    </message>
    <message>
        <source>Peers on the local network</source>
        <translation>Peers im lokalen Netz</translation>
    </message>
    <message>
        <source>Blocked peers</source>
        <translation>Gesperrte Peers</translation>
    </message>
    <message>
        <source>Allowed peers</source>
        <translation>Erlaubte Peers</translation>
    </message>
    <message>
        <source>Model to share</source>
        <translation>Modell zum Teilen</translation>
    </message>
    <message>
        <source>Compute on</source>
        <translation>Rechnen auf</translation>
    </message>
    <message>
        <source>Number format</source>
        <translation>Zahlenformat</translation>
    </message>
    <message>
        <source>Cache for sessions</source>
        <translation>Zwischenspeicher für Sitzungen</translation>
    </message>
    <message>
        <source>Memory to use</source>
        <translation>Nutzbarer Speicher</translation>
    </message>
    <message>
        <source>Memory to leave free</source>
        <translation>Speicher, der frei bleibt</translation>
    </message>
    <message>
        <source>Time for sessions to end</source>
        <translation>Zeit, bis Sitzungen enden</translation>
    </message>
    <message>
        <source>Model of new chats</source>
        <translation>Modell neuer Chats</translation>
    </message>
    <message>
        <source>Longest answer</source>
        <translation>Längste Antwort</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>Temperatur</translation>
    </message>
    <message>
        <source>Top p</source>
        <translation>Top p</translation>
    </message>
    <message>
        <source>Top k</source>
        <translation>Top k</translation>
    </message>
    <message>
        <source>Requests at the same time</source>
        <translation>Anfragen zur gleichen Zeit</translation>
    </message>
    <message>
        <source>Metrics for Prometheus</source>
        <translation>Messwerte für Prometheus</translation>
    </message>
    <message>
        <source>The last part of the address above. With 0 it is another one at each start; a number of your own keeps the address as it is.</source>
        <translation>Der letzte Teil der Adresse oben. Mit 0 ist er bei jedem Start ein anderer; mit einer eigenen Zahl bleibt die Adresse, wie sie ist.</translation>
    </message>
    <message>
        <source>Addresses of computers that are in the swarm already. Whoever invited you gave you one; it begins with a slash.</source>
        <translation>Adressen von Computern, die schon im Schwarm sind. Wer dich eingeladen hat, gab dir eine; sie beginnt mit einem Schrägstrich.</translation>
    </message>
    <message>
        <source>Where this computer can be reached by others. As it comes, only by itself; /ip4/0.0.0.0/tcp/31337 lets other computers in.</source>
        <translation>Wo andere diesen Computer erreichen. Von Haus aus nur er selbst; /ip4/0.0.0.0/tcp/31337 lässt andere Computer herein.</translation>
    </message>
    <message>
        <source>Finds them and lets them find this computer, while it can be reached by others at all.</source>
        <translation>Findet sie und lässt sie diesen Computer finden, solange andere ihn überhaupt erreichen können.</translation>
    </message>
    <message>
        <source>This computer never talks to them: give their peer ids, as the swarm page shows them.</source>
        <translation>Mit ihnen spricht dieser Computer nie: Gib ihre Peer-IDs an, wie die Seite „Schwarm“ sie zeigt.</translation>
    </message>
    <message>
        <source>The only ones that this computer talks to. Empty: everybody who is not blocked.</source>
        <translation>Die einzigen, mit denen dieser Computer spricht. Leer: alle, die nicht gesperrt sind.</translation>
    </message>
    <message>
        <source>What this computer shares when you turn sharing on.</source>
        <translation>Was dieser Computer teilt, wenn du das Teilen einschaltest.</translation>
    </message>
    <message>
        <source>Automatic takes a GPU that works, and the processor otherwise.</source>
        <translation>Automatisch nimmt eine GPU, die funktioniert, und sonst den Prozessor.</translation>
    </message>
    <message>
        <source>How exactly the shared blocks compute. Automatic takes what the model was made in.</source>
        <translation>Wie genau die geteilten Blöcke rechnen. Automatisch nimmt, worin das Modell gemacht wurde.</translation>
    </message>
    <message>
        <source>How much text of all who use this computer it remembers at once. More serves more people and takes more memory. Automatic takes what fits beside the blocks.</source>
        <translation>Wie viel Text von allen, die diesen Computer nutzen, er sich zugleich merkt. Mehr hilft mehr Leuten und braucht mehr Speicher. Automatisch nimmt, was neben die Blöcke passt.</translation>
    </message>
    <message>
        <source>How much of the memory that is free when sharing begins it may take.</source>
        <translation>Wie viel von dem Speicher, der zu Beginn des Teilens frei ist, es nehmen darf.</translation>
    </message>
    <message>
        <source>Stays free for your other programs. The memory on a graphics card does not count here.</source>
        <translation>Bleibt für deine anderen Programme frei. Der Speicher auf einer Grafikkarte zählt hier nicht.</translation>
    </message>
    <message>
        <source>How long the chats of others may go on here, or move to another computer, when you stop sharing. It ends sooner when none is left.</source>
        <translation>Wie lange die Chats anderer hier noch weitergehen oder auf einen anderen Computer umziehen dürfen, wenn du aufhörst zu teilen. Ist keiner mehr da, endet es früher.</translation>
    </message>
    <message>
        <source>Automatic takes the first one that is up.</source>
        <translation>Automatisch nimmt das erste, das verfügbar ist.</translation>
    </message>
    <message>
        <source>Where an answer is cut off; a token is about three quarters of a word. Automatic: as long as the model has room, 4096 at most.</source>
        <translation>Wo eine Antwort abgeschnitten wird; ein Token ist etwa drei Viertel eines Worts. Automatisch: solange das Modell Platz hat, höchstens 4096.</translation>
    </message>
    <message>
        <source>How freely words are chosen. 0 always takes the likeliest, higher is more surprising. Automatic: as the model&apos;s makers advise. A chat can have its own.</source>
        <translation>Wie frei Wörter gewählt werden. 0 nimmt immer das wahrscheinlichste, mehr ist überraschender. Automatisch: wie die Macher des Modells es raten. Ein Chat kann einen eigenen Wert haben.</translation>
    </message>
    <message>
        <source>Leaves out unlikely words: only the likeliest that together have this share of the chance. Automatic: as the model&apos;s makers advise.</source>
        <translation>Lässt unwahrscheinliche Wörter weg: nur die wahrscheinlichsten, die zusammen diesen Anteil haben. Automatisch: wie die Macher des Modells es raten.</translation>
    </message>
    <message>
        <source>Leaves out unlikely words: only this many of the likeliest, 0 for all. Automatic: as the model&apos;s makers advise.</source>
        <translation>Lässt unwahrscheinliche Wörter weg: nur so viele der wahrscheinlichsten, 0 für alle. Automatisch: wie die Macher des Modells es raten.</translation>
    </message>
    <message>
        <source>How many requests of your other programs are answered at once. The rest try again later.</source>
        <translation>Wie viele Anfragen deiner anderen Programme zugleich beantwortet werden. Die übrigen versuchen es später noch einmal.</translation>
    </message>
    <message>
        <source>For people who watch their machines with Prometheus: figures under /metrics, with the token.</source>
        <translation>Für alle, die ihre Rechner mit Prometheus beobachten: Zahlen unter /metrics, mit dem Token.</translation>
    </message>
    <message>
        <source>The processor</source>
        <translation>Der Prozessor</translation>
    </message>
    <message>
        <source>An NVIDIA GPU</source>
        <translation>Eine NVIDIA-GPU</translation>
    </message>
    <message>
        <source>The Apple GPU</source>
        <translation>Die Apple-GPU</translation>
    </message>
    <message>
        <source>tokens</source>
        <translation>Token</translation>
    </message>
    <message>
        <source>requests</source>
        <translation>Anfragen</translation>
    </message>
    <message>
        <source>seconds</source>
        <translation>Sekunden</translation>
    </message>
    <message>
        <source>of the free memory</source>
        <translation>des freien Speichers</translation>
    </message>
</context>
<context>
    <name>Settings</name>
    <message>
        <source>Meadow was renewed: this window is version %1, but what runs in the background is still version %2. Restart it, so that both fit.</source>
        <translation>Meadow wurde erneuert: Dieses Fenster hat Version %1, im Hintergrund läuft noch Version %2. Ein Neustart bringt beides zusammen.</translation>
    </message>
    <message>
        <source>Settings, chats and the identity of this machine</source>
        <translation>Einstellungen, Chats und die Identität dieses Computers</translation>
    </message>
    <message>
        <source>Downloaded parts of models. Can be deleted; they are fetched again when needed</source>
        <translation>Heruntergeladene Teile von Modellen. Können gelöscht werden; bei Bedarf werden sie neu geholt</translation>
    </message>
    <message>
        <source>What happened, without anything of chats</source>
        <translation>Was geschehen ist, ohne etwas aus Chats</translation>
    </message>
    <message>
        <source>Data</source>
        <translation>Daten</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>Logs</source>
        <translation>Protokolle</translation>
    </message>
    <message>
        <source>As the system (%1)</source>
        <translation>Wie das System (%1)</translation>
    </message>
    <message>
        <source>This must be %1.</source>
        <translation>Erlaubt ist hier: %1.</translation>
    </message>
</context>
<context>
    <name>SettingsForm</name>
    <message>
        <source>Not set: %1.</source>
        <translation>Nicht gesetzt: %1.</translation>
    </message>
    <message>
        <source>GB</source>
        <translation>GB</translation>
    </message>
    <message>
        <source>% of the free memory</source>
        <translation>% des freien Speichers</translation>
    </message>
    <message>
        <source>%1 or more</source>
        <translation>%1 oder mehr</translation>
    </message>
    <message>
        <source>%1 to %2</source>
        <translation>%1 bis %2</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>Automatisch</translation>
    </message>
    <message>
        <source>This is not a number.</source>
        <translation>Das ist keine Zahl.</translation>
    </message>
</context>
<context>
    <name>SettingsPage</name>
    <message>
        <source>Pages of the settings</source>
        <translation>Seiten der Einstellungen</translation>
    </message>
    <message>
        <source>About the settings file: %1</source>
        <translation>Zur Einstellungsdatei: %1</translation>
    </message>
    <message>
        <source>Open the folder</source>
        <translation>Ordner öffnen</translation>
    </message>
    <message>
        <source>Read it again</source>
        <translation>Neu lesen</translation>
    </message>
    <message>
        <source>A change counts from the next start of the node. Restarting it stops answers that are being written and sharing; what was shared is offered again.</source>
        <translation>Eine Änderung gilt ab dem nächsten Start des Knotens. Ein Neustart beendet Antworten, die gerade entstehen, und das Teilen; was geteilt wurde, wird wieder angeboten.</translation>
    </message>
    <message>
        <source>Restart the node</source>
        <translation>Knoten neu starten</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Noch einmal versuchen</translation>
    </message>
</context>
<context>
    <name>SettingsPages</name>
    <message>
        <source>General</source>
        <translation>Allgemein</translation>
    </message>
    <message>
        <source>Chat defaults</source>
        <translation>Chat-Vorgaben</translation>
    </message>
    <message>
        <source>Sharing limits</source>
        <translation>Grenzen beim Teilen</translation>
    </message>
    <message>
        <source>Network</source>
        <translation>Netz</translation>
    </message>
    <message>
        <source>API</source>
        <translation>API</translation>
    </message>
    <message>
        <source>Storage</source>
        <translation>Speicherorte</translation>
    </message>
    <message>
        <source>Keyboard</source>
        <translation>Tastatur</translation>
    </message>
    <message>
        <source>Diagnostics</source>
        <translation>Diagnose</translation>
    </message>
    <message>
        <source>About</source>
        <translation>Über Meadow</translation>
    </message>
</context>
<context>
    <name>Share</name>
    <message>
        <source>You were sharing {model} when Meadow ended. It does not begin again by itself.</source>
        <translation>{model} wurde geteilt, als Meadow endete. Von selbst beginnt das nicht wieder.</translation>
    </message>
    <message>
        <source>Until {time}.</source>
        <translation>Bis {time}.</translation>
    </message>
    <message>
        <source>At the latest at {time} that is over.</source>
        <translation>Spätestens um {time} ist das vorbei.</translation>
    </message>
    <message>
        <source>Off</source>
        <translation>Aus</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>Startet</translation>
    </message>
    <message>
        <source>Sharing</source>
        <translation>Teilt</translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation>Wartet</translation>
    </message>
    <message>
        <source>Finishing</source>
        <translation>Kommt zum Ende</translation>
    </message>
    <message>
        <source>Problem</source>
        <translation>Problem</translation>
    </message>
    <message>
        <source>Sharing {blocks}, {sessions} now.</source>
        <translation>Teilt {blocks}, gerade {sessions}.</translation>
    </message>
    <message>
        <source>Sharing {blocks}, {sessions} now, {tokens} today.</source>
        <translation>Teilt {blocks}, gerade {sessions}, heute {tokens}.</translation>
    </message>
    <message>
        <source>{moving} ({sessions} still open here).</source>
        <translation>{moving} ({sessions} hier noch offen).</translation>
    </message>
    <message>
        <source>Finishing: {sessions} still open, no new ones.</source>
        <translation>Kommt zum Ende: {sessions} noch offen, keine neuen.</translation>
    </message>
    <message>
        <source>1 session</source>
        <translation>1 Sitzung</translation>
    </message>
    <message numerus="yes">
        <source>%n sessions</source>
        <translation>
            <numerusform>%n Sitzung</numerusform>
            <numerusform>%n Sitzungen</numerusform>
        </translation>
    </message>
    <message>
        <source>1 token</source>
        <translation>1 Token</translation>
    </message>
    <message numerus="yes">
        <source>%n tokens</source>
        <translation>
            <numerusform>%n Token</numerusform>
            <numerusform>%n Token</numerusform>
        </translation>
    </message>
    <message>
        <source>Sharing is off; it was never turned on.</source>
        <translation>Teilen ist aus; es war noch nie an.</translation>
    </message>
    <message>
        <source>Sharing is off.</source>
        <translation>Teilen ist aus.</translation>
    </message>
    <message>
        <source>Looking for the swarm.</source>
        <translation>Der Schwarm wird gesucht.</translation>
    </message>
    <message>
        <source>Paused by you.</source>
        <translation>Von dir pausiert.</translation>
    </message>
    <message>
        <source>Waiting: the computer is in use.</source>
        <translation>Wartet: Der Computer wird benutzt.</translation>
    </message>
    <message>
        <source>Waiting: an app fills the screen.</source>
        <translation>Wartet: Eine App füllt den Bildschirm.</translation>
    </message>
    <message>
        <source>Waiting: another program uses the GPU.</source>
        <translation>Wartet: Ein anderes Programm benutzt die GPU.</translation>
    </message>
    <message>
        <source>Waiting: the computer runs on battery.</source>
        <translation>Wartet: Der Computer läuft mit Akku.</translation>
    </message>
    <message>
        <source>Waiting: outside the hours that you allow.</source>
        <translation>Wartet: außerhalb der Zeiten, die du erlaubst.</translation>
    </message>
    <message>
        <source>Waiting: the machine is too hot.</source>
        <translation>Wartet: Der Computer ist zu heiß.</translation>
    </message>
    <message>
        <source>Waiting: the network is metered.</source>
        <translation>Wartet: Das Netz wird nach Verbrauch bezahlt.</translation>
    </message>
    <message>
        <source>Waiting: today&apos;s transfer limit is reached.</source>
        <translation>Wartet: Die heutige Übertragungsgrenze ist erreicht.</translation>
    </message>
    <message>
        <source>The server ended unexpectedly and is started again.</source>
        <translation>Der Server endete unerwartet und wird neu gestartet.</translation>
    </message>
    <message>
        <source>The server cannot run. See what went wrong, then try again.</source>
        <translation>Der Server kann nicht laufen. Sieh nach, was schiefging, und versuche es noch einmal.</translation>
    </message>
    <message>
        <source>Starting: GPU runtime, checking that it works.</source>
        <translation>Startet: GPU-Laufzeit, wird geprüft.</translation>
    </message>
    <message>
        <source>Starting: GPU runtime, unpacking.</source>
        <translation>Startet: GPU-Laufzeit wird entpackt.</translation>
    </message>
    <message>
        <source>Starting: GPU runtime.</source>
        <translation>Startet: GPU-Laufzeit.</translation>
    </message>
    <message>
        <source>Starting: GPU runtime, unpacking, {done} of {total} MB</source>
        <translation>Startet: GPU-Laufzeit wird entpackt, {done} von {total} MB</translation>
    </message>
    <message>
        <source>Starting: GPU runtime, {done} of {total} MB</source>
        <translation>Startet: GPU-Laufzeit, {done} von {total} MB</translation>
    </message>
    <message>
        <source>{far} at {number} MB/s</source>
        <translation>{far} mit {number} MB/s</translation>
    </message>
    <message>
        <source>{far} at {number} kB/s</source>
        <translation>{far} mit {number} kB/s</translation>
    </message>
    <message>
        <source>{far}, {number} min left.</source>
        <translation>{far}, noch {number} min.</translation>
    </message>
    <message>
        <source>{far}, {number} s left.</source>
        <translation>{far}, noch {number} s.</translation>
    </message>
    <message>
        <source>{far}.</source>
        <comment>the end of a sentence</comment>
        <translation>{far}.</translation>
    </message>
    <message>
        <source>opening the model</source>
        <translation>Modell wird geöffnet</translation>
    </message>
    <message>
        <source>downloading</source>
        <translation>wird heruntergeladen</translation>
    </message>
    <message>
        <source>loading blocks</source>
        <translation>Blöcke werden geladen</translation>
    </message>
    <message>
        <source>measuring speed</source>
        <translation>Tempo wird gemessen</translation>
    </message>
    <message>
        <source>joining the swarm</source>
        <translation>Beitritt zum Schwarm</translation>
    </message>
    <message>
        <source>Starting: {what} (step {step} of {steps}).</source>
        <translation>Startet: {what} (Schritt {step} von {steps}).</translation>
    </message>
    <message>
        <source>Starting: {what}.</source>
        <translation>Startet: {what}.</translation>
    </message>
    <message>
        <source>Moving to {blocks}, which nobody serves</source>
        <translation>Wechselt zu {blocks}, die niemand anbietet</translation>
    </message>
    <message>
        <source>Moving to {blocks}, which fewer servers hold</source>
        <translation>Wechselt zu {blocks}, die weniger Server haben</translation>
    </message>
    <message>
        <source>Moving to {blocks}, which are the slowest part of the swarm</source>
        <translation>Wechselt zu {blocks}, der langsamste Teil des Schwarms</translation>
    </message>
    <message>
        <source>Moving to {blocks}, where it helps the swarm more</source>
        <translation>Wechselt zu {blocks}, wo es dem Schwarm mehr hilft</translation>
    </message>
    <message>
        <source> and </source>
        <comment>between the blocks of two servers</comment>
        <translation> und </translation>
    </message>
    <message>
        <source>blocks from {number} on</source>
        <translation>Blöcke ab {number}</translation>
    </message>
    <message>
        <source>{blocks} of {model}</source>
        <translation>{blocks} von {model}</translation>
    </message>
</context>
<context>
    <name>ShareCard</name>
    <message>
        <source>Sharing: %1</source>
        <translation>Teilen: %1</translation>
    </message>
    <message>
        <source>Share again</source>
        <translation>Wieder teilen</translation>
    </message>
    <message>
        <source>Do not ask again</source>
        <translation>Nicht mehr fragen</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Noch einmal versuchen</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Stopp</translation>
    </message>
    <message>
        <source>Finish</source>
        <translation>Auslaufen</translation>
    </message>
    <message>
        <source>Do not start to share</source>
        <translation>Doch nicht teilen</translation>
    </message>
    <message>
        <source>Finish what is running, then stop</source>
        <translation>Zu Ende führen, was läuft, dann anhalten</translation>
    </message>
</context>
<context>
    <name>SharePage</name>
    <message>
        <source>Share this computer</source>
        <translation>Diesen Computer teilen</translation>
    </message>
</context>
<context>
    <name>SharePlan</name>
    <message>
        <source>This computer</source>
        <translation>Dieser Computer</translation>
    </message>
    <message>
        <source>Your {device}</source>
        <translation>{device} in diesem Computer</translation>
    </message>
    <message>
        <source>Your {device} ({size} free)</source>
        <translation>{device} in diesem Computer ({size} frei)</translation>
    </message>
    <message>
        <source>{who} would host {number} of {all} blocks of {model}</source>
        <translation>{who} würde {number} von {all} Blöcken von {model} bereitstellen</translation>
    </message>
    <message>
        <source>{hosts}.</source>
        <translation>{hosts}.</translation>
    </message>
    <message>
        <source>{hosts}; the swarm would then reach {after}.</source>
        <translation>{hosts}; der Schwarm käme dann auf {after}.</translation>
    </message>
    <message>
        <source>{hosts} and lift the swarm from {before} to {after}.</source>
        <translation>{hosts} und den Schwarm von {before} auf {after} bringen.</translation>
    </message>
    <message>
        <source>It would use {memory} of memory.</source>
        <translation>Er würde {memory} Speicher belegen.</translation>
    </message>
    <message>
        <source>It would use {memory} of memory; nothing has to be downloaded.</source>
        <translation>Er würde {memory} Speicher belegen; nichts muss heruntergeladen werden.</translation>
    </message>
    <message>
        <source>It would download {download} first.</source>
        <translation>Er würde zuerst {download} herunterladen.</translation>
    </message>
    <message>
        <source>It would download {download} first and use {memory} of memory.</source>
        <translation>Er würde zuerst {download} herunterladen und {memory} Speicher belegen.</translation>
    </message>
</context>
<context>
    <name>ShareSwitch</name>
    <message>
        <source>Share this computer</source>
        <translation>Diesen Computer teilen</translation>
    </message>
</context>
<context>
    <name>Shortcuts</name>
    <message>
        <source>Everywhere</source>
        <translation>Überall</translation>
    </message>
    <message>
        <source>In a chat</source>
        <translation>In einem Chat</translation>
    </message>
    <message>
        <source>Among the messages</source>
        <translation>Zwischen den Nachrichten</translation>
    </message>
    <message>
        <source>Moving about</source>
        <translation>Sich bewegen</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>Neuer Chat</translation>
    </message>
    <message>
        <source>Search all chats</source>
        <translation>Alle Chats durchsuchen</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Share</source>
        <translation>Teilen</translation>
    </message>
    <message>
        <source>Swarm</source>
        <translation>Schwarm</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>Keyboard map</source>
        <translation>Tastenübersicht</translation>
    </message>
    <message>
        <source>Larger text</source>
        <translation>Größerer Text</translation>
    </message>
    <message>
        <source>Smaller text</source>
        <translation>Kleinerer Text</translation>
    </message>
    <message>
        <source>Text at 100 %</source>
        <translation>Text mit 100 %</translation>
    </message>
    <message>
        <source>Quit Meadow</source>
        <translation>Meadow beenden</translation>
    </message>
    <message>
        <source>Send the message</source>
        <translation>Nachricht senden</translation>
    </message>
    <message>
        <source>New line</source>
        <translation>Neue Zeile</translation>
    </message>
    <message>
        <source>Stop the answer</source>
        <translation>Antwort anhalten</translation>
    </message>
    <message>
        <source>Answer again</source>
        <translation>Noch einmal antworten</translation>
    </message>
    <message>
        <source>Copy the last answer</source>
        <translation>Letzte Antwort kopieren</translation>
    </message>
    <message>
        <source>Bring back what was just deleted</source>
        <translation>Zurückholen, was eben gelöscht wurde</translation>
    </message>
    <message>
        <source>The message before</source>
        <translation>Die Nachricht davor</translation>
    </message>
    <message>
        <source>The message after</source>
        <translation>Die Nachricht danach</translation>
    </message>
    <message>
        <source>To the beginning</source>
        <translation>Zum Anfang</translation>
    </message>
    <message>
        <source>To the newest</source>
        <translation>Zum Neuesten</translation>
    </message>
    <message>
        <source>What can be done</source>
        <translation>Was man tun kann</translation>
    </message>
    <message>
        <source>Edit the message</source>
        <translation>Nachricht bearbeiten</translation>
    </message>
    <message>
        <source>Delete it, with what follows</source>
        <translation>Löschen, mit allem danach</translation>
    </message>
    <message>
        <source>Next control</source>
        <translation>Nächstes Bedienelement</translation>
    </message>
    <message>
        <source>Previous control</source>
        <translation>Voriges Bedienelement</translation>
    </message>
    <message>
        <source>Press or switch it</source>
        <translation>Drücken oder umschalten</translation>
    </message>
</context>
<context>
    <name>Sidebar</name>
    <message>
        <source>New chat</source>
        <translation>Neuer Chat</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>Chat</translation>
    </message>
    <message>
        <source>Share</source>
        <translation>Teilen</translation>
    </message>
    <message>
        <source>Swarm</source>
        <translation>Schwarm</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
</context>
<context>
    <name>StateCard</name>
    <message>
        <source>Share again</source>
        <translation>Wieder teilen</translation>
    </message>
    <message>
        <source>Not now</source>
        <translation>Nicht jetzt</translation>
    </message>
    <message>
        <source>Does not ask again</source>
        <translation>Fragt nicht noch einmal</translation>
    </message>
    <message>
        <source>Use the processor instead</source>
        <translation>Stattdessen den Prozessor nutzen</translation>
    </message>
    <message>
        <source>Ends the download and shares without the GPU</source>
        <translation>Bricht das Herunterladen ab und teilt ohne die GPU</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>Noch einmal versuchen</translation>
    </message>
    <message>
        <source>Stop sharing</source>
        <translation>Nicht mehr teilen</translation>
    </message>
    <message>
        <source>Finish what is running, then stop</source>
        <translation>Zu Ende führen, was läuft, dann anhalten</translation>
    </message>
    <message>
        <source>Finish</source>
        <translation>Auslaufen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Stop now</source>
        <translation>Sofort anhalten</translation>
    </message>
    <message>
        <source>Ends the sessions that are still open</source>
        <translation>Beendet die Sitzungen, die noch offen sind</translation>
    </message>
</context>
<context>
    <name>StoragePage</name>
    <message>
        <source>counting…</source>
        <translation>wird gezählt …</translation>
    </message>
    <message>
        <source>%L1 kB</source>
        <translation>%L1 kB</translation>
    </message>
    <message>
        <source>%L1 MB</source>
        <translation>%L1 MB</translation>
    </message>
    <message>
        <source>%L1 GB</source>
        <translation>%L1 GB</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Count again</source>
        <translation>Neu zählen</translation>
    </message>
</context>
<context>
    <name>Sums</name>
    <message>
        <source>%1 %2</source>
        <translation>%1 %2</translation>
    </message>
</context>
<context>
    <name>Swarm</name>
    <message>
        <source>{name}, this computer</source>
        <translation>{name}, dieser Computer</translation>
    </message>
    <message>
        <source>joining</source>
        <translation>tritt bei</translation>
    </message>
    <message>
        <source>finishing</source>
        <translation>kommt zum Ende</translation>
    </message>
    <message>
        <source>leaving</source>
        <translation>geht</translation>
    </message>
    <message>
        <source>Nobody serves {blocks}.</source>
        <translation>Niemand bietet an: {blocks}.</translation>
    </message>
    <message>
        <source>1 server</source>
        <translation>1 Server</translation>
    </message>
    <message numerus="yes">
        <source>%n servers</source>
        <translation>
            <numerusform>%n Server</numerusform>
            <numerusform>%n Server</numerusform>
        </translation>
    </message>
    <message>
        <source>healthy · {servers}</source>
        <translation>gesund · {servers}</translation>
    </message>
    <message>
        <source>nobody serves it now</source>
        <translation>gerade stellt es niemand bereit</translation>
    </message>
    <message>
        <source>{blocks} and others</source>
        <translation>{blocks} und andere</translation>
    </message>
    <message>
        <source>blocks {blocks} are missing, so nobody can chat with it now · {servers}</source>
        <translation>die Blöcke {blocks} fehlen, darum kann gerade niemand mit ihm chatten · {servers}</translation>
    </message>
    <message>
        <source>The demo swarm of this computer</source>
        <translation>Der Demo-Schwarm dieses Computers</translation>
    </message>
    <message>
        <source>Not joined</source>
        <translation>Nicht beigetreten</translation>
    </message>
    <message>
        <source>Joining</source>
        <translation>Tritt bei</translation>
    </message>
    <message>
        <source>Joined</source>
        <translation>Beigetreten</translation>
    </message>
    <message>
        <source>Joining again</source>
        <translation>Tritt wieder bei</translation>
    </message>
    <message>
        <source>Alone</source>
        <translation>Allein</translation>
    </message>
    <message>
        <source>1 other peer is known.</source>
        <translation>1 anderer Peer ist bekannt.</translation>
    </message>
    <message numerus="yes">
        <source>%n other peers are known.</source>
        <translation>
            <numerusform>%n anderer Peer ist bekannt.</numerusform>
            <numerusform>%n andere Peers sind bekannt.</numerusform>
        </translation>
    </message>
    <message>
        <source>Nobody else is here yet: for now this computer is a swarm of its own, and can already share. To join others, put the address of one of their computers into the settings, as an initial peer; or give somebody an address of this one.</source>
        <translation>Noch ist sonst niemand hier: Dieser Computer ist vorerst ein Schwarm für sich und kann schon teilen. Um zu anderen zu kommen, die Adresse eines ihrer Computer als ersten Peer in die Einstellungen schreiben, oder jemandem eine Adresse von diesem geben.</translation>
    </message>
    <message>
        <source>Meadow has not joined a swarm yet.</source>
        <translation>Meadow ist noch keinem Schwarm beigetreten.</translation>
    </message>
    <message>
        <source>Meadow looks for the peers it was told of.</source>
        <translation>Meadow sucht die Peers, die ihm genannt wurden.</translation>
    </message>
    <message>
        <source>The connection was lost. Meadow goes on trying by itself.</source>
        <translation>Die Verbindung ging verloren. Meadow versucht es von selbst weiter.</translation>
    </message>
    <message>
        <source>No other peer answers. Put the address of somebody&apos;s computer into the settings, as an initial peer, or give somebody an address of this one.</source>
        <translation>Kein anderer Peer antwortet. Trage in den Einstellungen die Adresse eines anderen Computers als Peer für den Beitritt ein, oder gib jemandem eine Adresse von diesem.</translation>
    </message>
</context>
<context>
    <name>SwarmHeader</name>
    <message>
        <source>Swarm</source>
        <translation>Schwarm</translation>
    </message>
    <message>
        <source>Hide the addresses</source>
        <translation>Adressen verbergen</translation>
    </message>
    <message>
        <source>Addresses for others</source>
        <translation>Adressen für andere</translation>
    </message>
    <message>
        <source>Open the settings</source>
        <translation>Einstellungen öffnen</translation>
    </message>
    <message>
        <source>These lead to this computer only. To let others in, give it an address to listen on in the settings.</source>
        <translation>Diese führen nur zu diesem Computer. Damit andere hereinkommen, gib ihm in den Einstellungen eine Adresse zum Lauschen.</translation>
    </message>
    <message>
        <source>Whoever wants to join this swarm puts one of these into their settings as an initial peer.</source>
        <translation>Wer diesem Schwarm beitreten will, trägt eine davon in seinen Einstellungen als Peer für den Beitritt ein.</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>The address is in the clipboard.</source>
        <translation>Die Adresse ist in der Zwischenablage.</translation>
    </message>
</context>
<context>
    <name>SwarmPage</name>
    <message>
        <source>No model is up here yet</source>
        <translation>Hier ist noch kein Modell da</translation>
    </message>
    <message>
        <source>As soon as somebody shares one, its blocks and servers are drawn here. It may be you.</source>
        <translation>Sobald jemand eines teilt, werden hier seine Blöcke und Server gezeichnet. Das kannst du sein.</translation>
    </message>
    <message>
        <source>Share this computer</source>
        <translation>Diesen Computer teilen</translation>
    </message>
    <message>
        <source>As a picture</source>
        <translation>Als Bild</translation>
    </message>
    <message>
        <source>As a table</source>
        <translation>Als Tabelle</translation>
    </message>
    <message>
        <source>One column per block, one row per server. The stronger the colour, the faster.</source>
        <translation>Eine Spalte je Block, eine Zeile je Server. Je kräftiger die Farbe, desto schneller.</translation>
    </message>
</context>
<context>
    <name>Tiles</name>
    <message>
        <source>tokens today</source>
        <translation>Token heute</translation>
    </message>
    <message>
        <source>sessions now</source>
        <translation>Sitzungen jetzt</translation>
    </message>
    <message>
        <source>through its blocks</source>
        <translation>durch seine Blöcke</translation>
    </message>
    <message>
        <source>memory free</source>
        <translation>Speicher frei</translation>
    </message>
    <message>
        <source>{number} °C</source>
        <translation>{number} °C</translation>
    </message>
    <message>
        <source>GPU temperature</source>
        <translation>GPU-Temperatur</translation>
    </message>
    <message>
        <source>GPU memory free</source>
        <translation>GPU-Speicher frei</translation>
    </message>
    <message>
        <source>{free} of {total}</source>
        <translation>{free} von {total}</translation>
    </message>
</context>
<context>
    <name>TokenDialog</name>
    <message>
        <source>Token for the hub</source>
        <translation>Token für den Hub</translation>
    </message>
    <message>
        <source>Some models are only for people whom their owners let in. Make a token that may read in the settings of your account at the hub, and paste it here. It is kept in a file that only you can read, and is sent to the hub alone.</source>
        <translation>Manche Modelle sind nur für Leute, die ihre Eigentümer einlassen. Erzeuge in den Einstellungen deines Kontos beim Hub ein Token, das lesen darf, und füge es hier ein. Es liegt in einer Datei, die nur du lesen kannst, und wird nur an den Hub gesendet.</translation>
    </message>
    <message>
        <source>A token is kept; paste another one</source>
        <translation>Ein Token ist da; hier ein anderes einfügen</translation>
    </message>
    <message>
        <source>Paste the token</source>
        <translation>Token einfügen</translation>
    </message>
    <message>
        <source>Forget the token</source>
        <translation>Token vergessen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Keep it</source>
        <translation>Behalten</translation>
    </message>
</context>
<context>
    <name>TopBar</name>
    <message>
        <source>Menu</source>
        <translation>Menü</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>Neuer Chat</translation>
    </message>
</context>
<context>
    <name>Tray</name>
    <message>
        <source>Your answer is finished</source>
        <translation>Deine Antwort ist fertig</translation>
    </message>
    <message>
        <source>This computer does not share now</source>
        <translation>Dieser Computer teilt gerade nicht</translation>
    </message>
    <message>
        <source>Meadow has a problem</source>
        <translation>Meadow hat ein Problem</translation>
    </message>
    <message>
        <source>Quit Meadow</source>
        <translation>Meadow beenden</translation>
    </message>
    <message>
        <source>Quit, and stop sharing…</source>
        <translation>Beenden und nicht mehr teilen …</translation>
    </message>
    <message>
        <source>Quit, and stop the answer…</source>
        <translation>Beenden und die Antwort anhalten …</translation>
    </message>
    <message>
        <source>Share this computer</source>
        <translation>Diesen Computer teilen</translation>
    </message>
    <message>
        <source>Resume sharing</source>
        <translation>Teilen fortsetzen</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Pause</translation>
    </message>
    <message>
        <source>For 1 hour</source>
        <translation>Für 1 Stunde</translation>
    </message>
    <message>
        <source>Until tomorrow</source>
        <translation>Bis morgen</translation>
    </message>
    <message>
        <source>Until I resume</source>
        <translation>Bis ich fortsetze</translation>
    </message>
    <message>
        <source>Finish, then stop</source>
        <translation>Zu Ende führen, dann anhalten</translation>
    </message>
    <message>
        <source>Open Meadow</source>
        <translation>Meadow öffnen</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>Startet</translation>
    </message>
    <message>
        <source>Looking for Meadow&apos;s node.</source>
        <translation>Der Knoten von Meadow wird gesucht.</translation>
    </message>
    <message>
        <source>Not connected</source>
        <translation>Nicht verbunden</translation>
    </message>
</context>
<context>
    <name>UndoBar</name>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>Leave it deleted</source>
        <translation>Gelöscht lassen</translation>
    </message>
</context>
<context>
    <name>UpMark</name>
    <message>
        <source>up</source>
        <translation>da</translation>
    </message>
    <message>
        <source>with gaps</source>
        <translation>mit Lücken</translation>
    </message>
    <message>
        <source>not up</source>
        <translation>nicht da</translation>
    </message>
</context>
<context>
    <name>ValueField</name>
    <message>
        <source>Automatic</source>
        <translation>Automatisch</translation>
    </message>
    <message>
        <source>%1, in %2</source>
        <translation>%1, in %2</translation>
    </message>
</context>
</TS>
