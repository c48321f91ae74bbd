//! What the rules over words look for: classes of words and phrases of classes.
//!
//! A phrase reads: `!A` before it = not shortly after a word of A; `..3` = at most three words
//! between; `A|b` = a class or the word itself; `~A` = a word of A inside ends it; `!b` behind = not
//! when b follows at once. In a class `a+b` is a pair of words, `.a` a word behind a dot.

use crate::screen::{
    Rule, TEXT_ADDRESS, TEXT_COLLECT, TEXT_COMMAND, TEXT_CONCEAL, TEXT_CONSENT, TEXT_EXFIL,
    TEXT_OVERRIDE, TEXT_PRECALL, TEXT_REDIRECT, TEXT_SECRETS, TEXT_WITHHOLD,
};

/// Words that mean the same to the phrases. EMAIL, URL, NUMBER and HOMEPATH are found by
/// their form.
pub(crate) static CLASSES: &[(&str, &str)] = &[
    ("EMAIL", ""),
    ("URL", ""),
    ("NUMBER", ""),
    ("HOMEPATH", ""),
    (
        "IGNORE",
        "ignore ignoring disregard disregarding overlook forget dismiss ignoriere ignorieren missachte vergiss ignorez \
         ignorer oubliez oublie ignora ignorad olvida olvide ignorar ignorate dimentica игнорируй игнорируйте \
         проигнорируй забудь забудьте 忽略 无视 無視 忘记 忘掉",
    ),
    ("OVERRULE", "override overriding bypass supersede overrule discard abandon"),
    (
        "PREVIOUS",
        "previous previously prior above earlier preceding foregoing vorherigen vorige vorigen bisherigen obigen \
         fruheren précédentes précédente antérieures anteriores anterior previas precedenti предыдущие \
         предыдущих прежние прошлые 이전 앞선 之前 以上 先前 前面 以前 此前",
    ),
    (
        "EVERYONE",
        "all any every other your alle allen deine ihre toutes vos todas todos tutte все всех 所有 全部 任何",
    ),
    (
        "ORDERS",
        "instruction instructions prompt prompts directive directives directions 지시를 지침을 명령을 지시사항을 anweisung anweisungen instrucciones \
         instruções istruzioni consignes инструкции инструкций указания 指令 指示 提示 命令",
    ),
    (
        "BOUNDS",
        "rules guidelines constraints restrictions safeguards guardrails policies regeln règles reglas правила 规则 規則",
    ),
    ("MODEL", "assistant ai agent model llm chatbot bot claude gpt chatgpt gemini copilot"),
    (
        "NOT",
        "not dont never without avoid cannot mustnt shouldnt nor refrain nicht keinesfalls niemals ne jamais nunca \
         не никогда 不要 请勿 不能 不得 勿 别",
    ),
    (
        "TELL",
        "tell telling inform informing dites dis informez prévenez informe informes говори говорите \
         сообщай сообщайте 告诉 告知 通知 透露",
    ),
    ("MENTION", "mention mentioning reveal revealing disclose disclosing discuss explain"),
    ("SHOW", "mention reveal disclose show showing display displaying expose notify alert warn"),
    (
        "USER",
        "user human nutzer benutzer anwender utilisateur lutilisateur usuario utente пользователю пользователя \
         用户 用戶 使用者",
    ),
    ("USERS", "user users human humans person people operator"),
    (
        "SECRETLY",
        "secretly covertly silently quietly discreetly stealthily invisibly surreptitiously heimlich unauffällig \
         secrètement discrètement secretamente тайно незаметно 秘密 偷偷 悄悄",
    ),
    (
        "ACT",
        "this these the step steps action actions activity operation behavior behaviour fact call",
    ),
    (
        "TRIGGER",
        "before prior first whenever after each every always when until bevor vor avant antes перед прежде 之前 在",
    ),
    (
        "CALLING",
        "using use used calling call called invoking invoke invoked running run executing execute verwenden \
         aufrufen benutzen verwendest utiliser appeler usar llamar использованием вызовом 使用 调用 調用",
    ),
    (
        "TOOL",
        "tool tools function functions werkzeug werkzeugs outil herramienta инструмента инструментом 工具",
    ),
    (
        "GRAB",
        "read open load get retrieve collect gather extract harvest find locate cat dump access copy list fetch lies lese lisez lire lee leer \
         прочитай прочитайте 读取 讀取",
    ),
    (
        "HAND",
        "pass send include attach append provide supply post upload forward transmit submit exfiltrate paste embed \
         share leak sende übergib füge envoyez transmettez envía envíe envia отправь отправьте передай передайте \
         发送 传递 传给 上传",
    ),
    ("PUT", "put place insert add write set fill"),
    ("WHOLE", "full entire complete whole all verbatim"),
    (
        "TALK",
        "conversation chat transcript dialogue dialog conversations chats user+message user+messages",
    ),
    (
        "LOOT",
        "password passwords private+key private+keys ssh+key ssh+keys environment+variables system+prompt \
         seed+phrase recovery+phrase browser+cookies keychain chat+history conversation+history \
         message+history wallet+keys",
    ),
    (
        "KEYS",
        "private+key private+keys ssh+key ssh+keys seed+phrase recovery+phrase keychain system+prompt",
    ),
    ("LOOTS", "credentials secrets tokens cookies api+keys keys passwords"),
    ("ALL", "all any every stored saved users their available local"),
    (
        "FILES",
        ".ssh .env .netrc .npmrc .pypirc .pgpass .aws .gnupg .git+credentials id+rsa id+ed25519 id+dsa id+ecdsa mcp+json \
         aws+credentials etc+passwd etc+shadow bash+history zsh+history authorized+keys wallet+dat claude+desktop \
         kube+config",
    ),
    (
        "HARDFILES",
        ".netrc .pgpass .aws .gnupg .pypirc id+rsa id+ed25519 id+dsa mcp+json aws+credentials etc+passwd etc+shadow bash+history \
         zsh+history .git+credentials claude+desktop wallet+dat",
    ),
    ("CONTENT", "content contents text value values inhalt contenu contenido содержимое 内容 內容"),
    ("FIELD", "parameter argument field sidenote note notes input value"),
    ("TURN", "message response reply turn prompt answer"),
    (
        "REDIRECT",
        "bcc cc redirect reroute replace change substitute rewrite swap forward route set",
    ),
    (
        "TARGET",
        "recipient recipients address addresses account iban payee beneficiary wallet bcc cc destination to email \
         emails mail mails",
    ),
    ("MAILS", "emails mails messages payments transfers funds transactions mail email payment"),
    ("OTHER", "other another different"),
    ("SERVERS", "server servers mcp"),
    ("EXAMPLE", "example examples eg e+g like such format"),
    (
        "RESULTS",
        "output outputs results responses data file files emails messages documents contents",
    ),
];

/// The phrases of each rule.
pub(crate) static PHRASES: &[(&Rule, &str)] = &[
    (&TEXT_OVERRIDE, "!NOT IGNORE ..4 PREVIOUS ..4 ORDERS|BOUNDS"),
    (
        &TEXT_OVERRIDE,
        "!NOT IGNORE ..2 EVERYONE ..3 ORDERS !in|contained|within|inside|found|from|embedded|that|if|on",
    ),
    (&TEXT_OVERRIDE, "!NOT IGNORE ..2 ORDERS|BOUNDS ..4 PREVIOUS|anteriores|précédentes"),
    (&TEXT_OVERRIDE, "IGNORE ..4 ORDERS from ..1 user|system|developer|operator"),
    (
        &TEXT_OVERRIDE,
        "IGNORE everything|whatever|anything ..4 above|before|told|previously|earlier|taught|said",
    ),
    (&TEXT_OVERRIDE, "!NOT OVERRULE ..2 PREVIOUS|your ..3 ORDERS|BOUNDS"),
    (
        &TEXT_OVERRIDE,
        "!NOT supersede|supersedes|overrides|replaces|precedence ..2 all|any|other|previous|prior|earlier ..3 ORDERS",
    ),
    (
        &TEXT_OVERRIDE,
        "NOT ..1 follow|obey|heed ..3 PREVIOUS|original|user|users|system ..3 ORDERS|BOUNDS",
    ),
    (
        &TEXT_OVERRIDE,
        "disable|deactivate|remove ..2 your ..3 safety|guardrails|filters|safeguards|restrictions",
    ),
    (&TEXT_OVERRIDE, "system override ..3 ORDERS|enabled|active|activated|engaged|mode"),
    (
        &TEXT_OVERRIDE,
        "you are now ..3 dan|unrestricted|jailbroken|unfiltered|administrator|root|MODEL",
    ),
    (&TEXT_OVERRIDE, "you are no longer ..3 bound|restricted|limited|MODEL"),
    (&TEXT_OVERRIDE, "act|behave|respond as ..3 unrestricted|jailbroken|dan|unfiltered"),
    (&TEXT_OVERRIDE, "pretend ..2 you are ..3 unrestricted|root|administrator|MODEL"),
    (&TEXT_OVERRIDE, "your new ..2 ORDERS|goal|objective|task|mission|role"),
    (&TEXT_OVERRIDE, "your real|true|actual|hidden ..1 goal|objective|task|mission|purpose"),
    (&TEXT_OVERRIDE, "from now on ..1 you ..2 must|will|obey|are|answer|work"),
    (&TEXT_CONCEAL, "NOT ..2 TELL ..3 USER !to|until|unless|who|whether|how"),
    (&TEXT_CONCEAL, "no ..2 digas|digais|diga|menciones|informes|informar ..4 USER"),
    (
        &TEXT_CONCEAL,
        "sag|sage|sagen|erzähle|erzähl|informiere|verrate|verraten|teile ..3 USER ..4 nichts|nicht",
    ),
    (&TEXT_CONCEAL, "ne ..1 dites|dis|mentionnez|informez|prévenez|révélez ..4 USER"),
    (&TEXT_CONCEAL, "NOT ..2 MENTION ..2 that ..1 you|it"),
    (
        &TEXT_CONCEAL,
        "NOT ..2 MENTION ..3 these|this ..1 ORDERS|step|steps|action|note|message|request|rule|file",
    ),
    (&TEXT_CONCEAL, "!NOT SECRETLY ..2 HAND|read|collect|gather|harvest|copy|bcc|record|add"),
    (&TEXT_CONCEAL, "!NOT HAND|bcc|record ..8 secretly|covertly|stealthily|surreptitiously"),
    (
        &TEXT_CONCEAL,
        "hide|conceal|keep ..2 ACT ..2 ORDERS|step|steps|action|activity|operation|behavior|fact|call|this ..4 from ..1 USERS",
    ),
    (
        &TEXT_CONCEAL,
        "USERS must|should|may ..1 not|never ..2 know|notice|learn|suspect|aware|realize|discover",
    ),
    (&TEXT_CONCEAL, "!NOT without ..2 USERS ..1 knowledge|knowing|awareness|noticing|realizing"),
    (&TEXT_CONCEAL, "no need to ..1 TELL|mention|notify ..2 USERS"),
    (&TEXT_WITHHOLD, "NOT ..2 SHOW ..6 to ..1 USER"),
    (&TEXT_WITHHOLD, "NOT ..1 SHOW ..1 USER"),
    (&TEXT_WITHHOLD, "keep this ..2 secret|confidential|hidden"),
    (
        &TEXT_CONSENT,
        "!NOT NOT ..1 ask|asking|request|requesting|seek|wait ..5 confirmation|permission|approval|consent",
    ),
    (&TEXT_PRECALL, "TRIGGER ..3 CALLING ..4 TOOL ..10 GRAB|HAND ..4 ALL ..2 LOOTS"),
    (&TEXT_PRECALL, "TRIGGER ..3 CALLING ..4 TOOL ..10 HAND|PUT ..4 WHOLE ..4 TALK"),
    (
        &TEXT_PRECALL,
        "HAND|PUT ..4 WHOLE ..4 TALK ..10 before|after|every|whenever ..3 CALLING ..3 TOOL",
    ),
    (
        &TEXT_PRECALL,
        "TRIGGER|once|whenever ..2 TOOL ..4 called|used|run|invoked ..8 HAND|PUT ..4 WHOLE ..4 TALK",
    ),
    (
        &TEXT_PRECALL,
        "TRIGGER|once|whenever ..2 TOOL ..4 called|used|run|invoked ..8 GRAB|HAND ..8 LOOT|FILES",
    ),
    (&TEXT_PRECALL, "every|each|after ..2 TURN ..8 HAND|PUT|log ..3 WHOLE ..4 TALK"),
    (&TEXT_COLLECT, "HAND ..3 WHOLE ..3 TALK"),
    (&TEXT_SECRETS, "!NOT GRAB ..6 FILES ..18 HAND"),
    (&TEXT_SECRETS, "!NOT GRAB ..6 HARDFILES ..8 put|place|insert"),
    (&TEXT_SECRETS, "CONTENT ..3 HARDFILES ~EXAMPLE"),
    (&TEXT_SECRETS, "!NOT GRAB ..8 FILES ..12 CONTENT ..10 FIELD"),
    (&TEXT_SECRETS, "!NOT HAND ..3 CONTENT ..4 environment+variables"),
    (
        &TEXT_SECRETS,
        "!NOT HAND|reveal|repeat|print|output|dump|PUT ..3 your ..3 system+prompt|system+instructions",
    ),
    (&TEXT_SECRETS, "curl|wget|nc ..15 FILES"),
    (&TEXT_EXFIL, "!NOT HAND|report ..8 TALK|LOOT|LOOTS ..6 to ..3 URL|EMAIL"),
    (&TEXT_EXFIL, "!NOT HAND ..3 all|every|any|each ..4 RESULTS ..4 to ..3 URL|EMAIL"),
    (&TEXT_REDIRECT, "TRIGGER|all|any ..14 REDIRECT|send ..8 TARGET ..10 EMAIL ~EXAMPLE"),
    (&TEXT_REDIRECT, "REDIRECT ..6 TARGET ..8 with|to|by ..4 EMAIL|NUMBER ~EXAMPLE"),
    (&TEXT_REDIRECT, "always|must|also|secretly ..3 bcc|cc|forward|copy ..8 EMAIL|NUMBER ~EXAMPLE"),
    (
        &TEXT_REDIRECT,
        "all|every|any ..3 MAILS ..3 must|should|have|need ..8 EMAIL|NUMBER|URL ~EXAMPLE",
    ),
    (
        &TEXT_REDIRECT,
        "TOOL ..3 OTHER ..2 SERVERS ..10 must|never|instead|deprecated|broken|insecure|unsafe|disabled|compromised",
    ),
    (&TEXT_REDIRECT, "NOT CALLING ..4 TOOL ..2 from|of|on ..2 OTHER|any ..2 SERVERS"),
    (&TEXT_REDIRECT, "instead of ..4 TOOL ..3 OTHER ..2 SERVERS"),
    (&TEXT_COMMAND, "curl|wget ..12 URL ..6 sh|bash|zsh|python"),
    (
        &TEXT_ADDRESS,
        "note|notes|attention|warning|reminder|hint ..1 to|for ..2 ai|llm|llms|model|models|assistant|claude|gpt|chatgpt|gemini|copilot|cursor",
    ),
    (&TEXT_OVERRIDE, "!NOT IGNORE ..1 your ..2 BOUNDS"),
    (
        &TEXT_OVERRIDE,
        "your ..1 instructions|directives ..2 updated|changed|replaced|superseded|void",
    ),
    (
        &TEXT_OVERRIDE,
        "PREVIOUS ..2 ORDERS ..4 ignored|disregarded|void|obsolete|superseded|無視|忽略|無効|무시하세요|무시하고|무시해|무시하라|무시해라|무시하십시오",
    ),
    (&TEXT_CONCEAL, "NOT let ..2 USERS ..1 know|notice|learn|realize"),
    (&TEXT_CONCEAL, "make|ensure|keep ..3 USERS ..3 unaware|oblivious"),
    (
        &TEXT_CONCEAL,
        "hide|conceal ..1 this|these|any ..2 operations|operation|actions|action|calls|steps|errors|activity ..3 from ..1 USERS",
    ),
    (&TEXT_CONSENT, "USERS ..2 already approved|consented|agreed"),
    (
        &TEXT_COLLECT,
        "HAND|populate|fill ..3 users ..3 token|tokens|credentials|password|passwords|secret|secrets",
    ),
    (&TEXT_COLLECT, "HAND ..2 your previous ..1 messages"),
    (&TEXT_COLLECT, "HAND ..3 users ..1 api+key|api+keys"),
    (&TEXT_PRECALL, "TRIGGER ..3 CALLING ..4 TOOL ..10 with|including ..2 WHOLE ..3 TALK"),
    (
        &TEXT_EXFIL,
        "!NOT GRAB ..3 history|chats|messages|contacts|emails ..6 HAND ..10 NUMBER|EMAIL|URL ~EXAMPLE",
    ),
    (&TEXT_EXFIL, "!NOT HAND|email|mail ..4 TALK ..6 to ..3 EMAIL|URL ~EXAMPLE"),
    (
        &TEXT_EXFIL,
        "all|every|any|each ..3 RESULTS ..3 must|have|has|should|need ..3 posted|sent|forwarded|uploaded|reported|copied|transmitted ..4 URL|EMAIL",
    ),
    (
        &TEXT_SECRETS,
        "!NOT GRAB ..3 private+key|private+keys|ssh+key|ssh+keys|seed+phrase|recovery+phrase|keychain ..10 attach|send|upload|forward|exfiltrate|transmit|leak",
    ),
    (&TEXT_PRECALL, "TRIGGER ..3 CALLING ..4 TOOL ..10 HAND ..8 LOOT|FILES"),
    (&TEXT_PRECALL, "TRIGGER ..3 CALLING ..4 TOOL ..10 GRAB ..8 KEYS|FILES"),
    (
        &TEXT_PRECALL,
        "TRIGGER ..3 CALLING ..4 TOOL ..10 collect|gather|dump|harvest|extract ..4 LOOT",
    ),
    (&TEXT_SECRETS, "!NOT HAND|PUT ..3 CONTENT ..6 HARDFILES"),
    (&TEXT_SECRETS, "!NOT HAND|PUT ..3 CONTENT ..6 FILES ..6 FIELD"),
    (&TEXT_SECRETS, "!NOT HAND ..2 CONTENT ..2 HOMEPATH"),
    (&TEXT_SECRETS, "GRAB ..4 all|any|every|stored|saved ..3 LOOT|LOOTS ..10 HAND"),
    (
        &TEXT_SECRETS,
        "!NOT dump|collect|gather|send|upload|exfiltrate ..3 all|every|entire ..2 environment+variables",
    ),
    (&TEXT_SECRETS, "system+prompt ..2 you ..1 were|have|received"),
    (&TEXT_SECRETS, "your ..8 system+prompt ..2 verbatim"),
    (&TEXT_SECRETS, "!NOT collect|gather|extract|harvest|steal ..3 LOOTS|LOOT ..10 HAND"),
    (
        &TEXT_COLLECT,
        "!NOT HAND|put|place|insert ..3 ALL ..3 LOOT|LOOTS ..8 as|in|into|with|parameter|argument",
    ),
    (&TEXT_EXFIL, "!NOT HAND ..6 FILES ..10 to ..3 URL|EMAIL"),
    (&TEXT_CONCEAL, "NOT ..1 MENTION ..3 USER ..1 that"),
    (&TEXT_CONCEAL, "NOT mention|say|reveal|disclose ..1 this|it|these to ..1 USER"),
    (&TEXT_CONCEAL, "NOT ..2 USER ..1 透露|告诉|告知|提及|sagen|mitteilen|verraten"),
    (&TEXT_CONCEAL, "ninformez|ninforme|nindiquez ..3 USER"),
    (&TEXT_WITHHOLD, "NOT let ..2 USERS ..1 see|view"),
    (
        &TEXT_REDIRECT,
        "TARGET ..3 must|always|should|needs|shall ..4 be|is|to ..4 EMAIL|NUMBER ~EXAMPLE",
    ),
    (
        &TEXT_REDIRECT,
        "MAILS ..8 need|must|have|should ..1 to|be ..2 go|be|sent|paid ..6 EMAIL|NUMBER ~EXAMPLE",
    ),
    (&TEXT_REDIRECT, "NOT CALLING ..4 TOOL ..4 compromised|insecure|malicious|infected"),
    (&TEXT_COMMAND, "!NOT rm rf"),
    (&TEXT_OVERRIDE, "!NOT IGNORE ..3 system+prompt"),
    (&TEXT_OVERRIDE, "!NOT IGNORE ..2 safety|ethical|security ..1 BOUNDS"),
    (&TEXT_OVERRIDE, "replace|override ..1 all|any ..1 PREVIOUS ..1 ORDERS"),
    (
        &TEXT_OVERRIDE,
        "youre now ..3 dan|unrestricted|jailbroken|unfiltered|administrator|root|MODEL",
    ),
    (&TEXT_CONCEAL, "forbidden|prohibited ..2 mention|tell|reveal|disclose ..3 USER"),
    (&TEXT_REDIRECT, "always ..1 send ..2 to ..2 NUMBER|EMAIL ~EXAMPLE"),
];
