"""The words of English that carry no value, one letter for each kind, and what only says when or by the way.

The lexicon is closed: function words and common verbs by what they do to a value (be, change, choose, say), adverbs,
and adjectives that praise or lament. A word outside it is content.
"""

from __future__ import annotations

import re

_TAGGED = {
    "I": "i we let's",
    "Y": """he she they you people everyone everybody someone somebody anyone anybody who whoever folks all both""",
    "T": "it this",
    "N": "one ones",
    "m": "me us him them myself ourselves yourself mine ours",
    "b": """is are am be being been become becomes became 's equals reads read remains remain stays stay turned stand
        stands stood sits located based situated ended""",
    "p": "was were",
    "H": "had used",
    "h": "have has having hold holds holding 've own owns",
    "w": "will shall 'll must gonna does did do",
    "c": """change changes changed changing switch switches switched switching swap swaps swapped swapping move moves
        moved moving update updates updated updating rename renames renamed renaming alter alters altered amend
        amends amended adjust adjusts adjusted correct corrected correcting reset resets bump bumped raise raised
        lower lowered shift shifted convert converted transfer transferred migrate migrated upgrade upgraded
        downgraded revise revised modify modified reassigned transitioned edited edit set sets setting put puts
        putting trade traded trading exchange exchanged exchanging""",
    "r": "replace replaces replaced replacing supersede supersedes superseded succeeded",
    "g": """answer answers use uses using choose chooses chose chosen choosing pick picks picked picking select
        selects selected selecting meant take takes took taken taking get gets got gotten getting give gives gave given
        giving assign assigns assigned assigning settle settles settling go goes going gone land landed landing
        opt opts opted decide decides decided deciding keep keeps kept keeping issue issued allocate allocated
        allocates register registered list listed enter entered record recorded save saved saving wrote store
        stored adopt adopted approve approved approves confirmed serve serves serving acts prefer prefers
        preferred recommend recommended suggested receive received receives receiving stick stuck sticking accept
        accepted convinced persuaded provided ered ers hired lock locked agreed agree rely relies sorted arranged
        handed hands granted went talked talking ending won sign signed settled voted vote""",
    "k": """say says saying said tell tells telling told calls confirm confirms note notes inform informs notify
        notifies advise advised announce announced mention know knows remember remind mark marked mind see sees
        find finds show shows mean means think guess believe mentions showed shown""",
    "v": """write love loves loved loving hate hates hated hating likes liked lose loses lost losing forget forgets
        forgot forgotten forgetting break breaks broken ask asks asked asking look looks looked looking search
        searched searching wait waited waiting talk talks argue argued discuss discussed discussing thought worry
        worrying complain complained share shared laugh laughed miss misses missed enjoy enjoys enjoyed leave
        leaves left leaving try tries tried trying feel feels felt seem seems seemed happen happened help helps
        helped helping let lets care cares cared seen saw heard hear hears threaten threatened stop stopped spend
        spent pay pays paid cleaned paint explain explained mentioned check checked checking refuse refused
        cancel fear feared sell drop dropped scratch lied test tested return returned meet met sleep slept eat
        ate thank thanks compare compared describe described visit visited work works worked working done doing
        live lives come comes came start starts started starting began begin fall fell run running join joined
        buy bought end point points need needs needed turn fix fixed bring brought act""",
    "q": """wonder wonders wondered want if unless whether wish wishes hope hopes hoping hopefully maybe perhaps
        possibly might may could would 'd suppose supposing imagine imagined almost ly consider considers
        considered considering thinking dream dreamt dreamed wants wanted wanting intend plan plans planning
        planned tempted pretend pretended doubt otherwise rumour rumor supposedly ideally eventually someday""",
    "x": """nobody not no never n't nothing none neither nor hardly without cannot isn't aren't wasn't weren't don't
        doesn't didn't won't can't couldn't haven't hasn't hadn't wouldn't shouldn't ain't dont doesnt isnt cant
        wont didnt""",
    "s": "as",
    "f": "for",
    "o": "to into onto",
    "i": "by with",
    "n": "of in on at from under between within via per among",
    "d": """new newest latest current these the a an my our your his her their its each every those another other
        some any""",
    "j": """and but or because though although that which while where when why how whom hence except whenever""",
    "u": "what whatever",
    "E": """former previous old older earlier great good bad nice fine awful terrible horrible awesome wonderful
        lovely perfect excellent best better worse worst important ready full empty missing wrong right same
        different similar safe happy sad funny weird strange odd boring fun cool hot annoying interesting simple
        easy hard difficult ugly big small tiny nicer young dead alive late early slow fast cheap expensive valid
        invalid unknown secret private public personal unique special useless useful complicated long short close
        unavailable expired stolen dirty tired sick due pending open closed sure true false glad sorry angry
        crazy ridiculous impossible possible enough fantastic brilliant dreadful rubbish garbage everything
        anything something essential tough thankful grateful rewarding inspiring imperfect expressive excited
        exciting passionate proud amazing aware meaningful helpful supportive healthy hopeful lucky relaxing calm
        calming peaceful challenging stressful scary wild busy stressed motivated inspired crucial key huge
        incredible magical beautiful cozy cute adorable delicious tasty popular comfortable fresh clean loud
        quiet strong weak nervous anxious confident determined broke blessed honored honoured overwhelmed
        overwhelming disappointing disappointed frustrating frustrated terrifying kind sweet smart creative
        unforgettable impressive gorgeous outstanding solid tight heavy light easier harder bigger happier
        stronger closer worth alright pleased surprised worried concerned interested addicted attached obsessed
        much many several few lots such""",
    "": """ok okay overnight meanwhile permanently over so now currently just already nowadays icially finally
        henceforth also well oh hey hi yes yeah please again actually still then instead anyway only even simply
        here there down out up back away ever always honestly basically literally kindly lol haha hehe btw fyi ps
        um uh er hmm ugh pls guys today yesterday tomorrow tonight recently lately afterwards later soon
        therefore thus indeed however luckily fortunately sadly obviously apparently turns can should own'd
        afterall formally hereby forward onwards onward ah wow alas really extremely totally completely""",
    "a": """make makes made making name named naming call called calling elect elected appoint appointed nominate
        nominated declare declared crown crowned designate designated""",
    "l": "like",
    "t": "regarding concerning re about",
    "z": """near around against inside behind below above off through after before until till during since than
        despite""",
    "L": "abandoned cancelled canceled sold quit",
    "M": "longer anymore",
    "Q": "very too quite pretty rather incredibly far kinda more less most least super",
}
LEXICON: dict[str, str] = {word: tag for tag, words in _TAGGED.items() for word in words.split()}

SPLIT = {"m": "b", "re": "b", "s": "b", "ve": "h", "ll": "w", "d": "q"}
ENCLITIC = re.compile(r"(i|we|you|he|she|it|they|that|this|there|who|what|here|one)['\u2019](m|re|s|ve|ll|d)$")
SIGNS = frozenset(("=", "->", ":=", "=>", "\u2192", "-", "--", "\u2013", "\u2014", "~", "|", ">"))
FRESH = frozenset(
    re.findall(
        r"\S+",
        """new newest latest current present actual brand own fresh updated permanent temporary main usual regular
    official other different another proper final preferred chosen next same right correct""",
    )
)
OLD = frozenset(
    re.findall(
        r"\S+",
        """old older previous former first last past original earlier second-last ex initial wrong incorrect
    outdated""",
    )
)
NEUTRAL = frozenset(
    re.findall(r"\S+", "the a an this that these my our any some whatever another which what whichever mine no")
)
FOREIGN = frozenset(re.findall(r"\S+", "your his her their its whose"))
FILLER = re.compile(
    r"\b(?:if (?:any|some)(?:one|body) (?:asks|wants to know|is wondering|wonders|cares)|in case you (?:(?:are |were )?"
    r"(?:wonder(?:ing)?|curious|interested)|ask|need it)"
    r"|no idea (?:why|how)|not sure (?:why|how)|no doubt|no problem|no worries|not bad|why not|no matter what"
    r"|not to mention"
    r"|(?:would|can|will|won't|wouldn't) you (?:not )?believe(?: it)?(?: but)?|believe it or not|guess what"
    r"|as you know"
    r"|in case (?:you forgot|anyone asks)|if i(?:'m| am) not mistaken|if you must know|for what it's worth"
    r"|i (?:would|'d|should|must) (?:like|love|want) to (?:inform|let|tell|say|note|announce"
    r"|mention)(?: you)?(?: know)?"
    r"|(?:i|we) (?:just )?(?:want|wanted) (?:you )?to (?:inform|let|tell|say|note|announce|mention"
    r"|know)(?: you)?(?: know)?"
    r"|you (?:might|may|should|must) (?:want|like) to (?:know|note)|just so you know|you (?:might|may) know"
    r"|(?:i )?(?:think|believe|guess|suppose)(?= (?:that )?(?:my|our|the)\b)"
    r"|(?:it|this|that) (?:just |now |really )?(?:looks|seems|sounds|appears)(?: to me)?"
    r"(?: like| as if| as though| that)?"
    r"|(?:looks|seems|sounds) (?:like|as if|as though)"
    r"|could(?= (?:finally )?get\b)|as well|after all|at last|in the end|at the end of the day|by the way|of course"
    r"|in fact|for sure|for the record|for your (?:records|information)|for now|so far|for good|as (?:usual|promised)"
    r"|(?:can|could|would|will) you (?:please |kindly |just )?(?=(?:change|update|set|switch|make|use|note|save"
    r"|remember|put|record"
    r"|list|replace|correct|enter|store|register|swap)\b)|i(?:'d| would) like to (?=(?:change|update|set|switch"
    r"|swap)\b)"
    r"|the name of|at (?:work|home|school)"
    r"|i(?:'d| would) say(?: that)?|from (?:what|whatever|the one|something)(?: (?:else|it|i|we|they|was|were|had|been"
    r"|used))*(?= to\b)"
    r"|(?:i |we )?(?:still )?(?:can't|cannot|can not|couldn't|could not|can hardly) (?:believe|deny"
    r"|get over)(?: it| that)?"
    r"|(?:i |we )?(?:didn't|did not) (?:know|realise|realize|notice|mention)(?: yet)?(?: that)?|don't forget(?: that)?"
    r"|needless to say"
    r"|in the meantime|with immediate effect|until further notice|going forward|from (?:here|now|today|tomorrow"
    r"|then)(?: on(?:wards?)?)?"
    r"|(?:at|for) (?:the moment|present|this point)|right now|these days|as things stand|in (?:the )?future|on file"
    r"|long story short|to be (?:honest|clear|precise)|let me see|let's see|you know|i mean|at the end"
    r"|in (?:your|my|our|the) (?:records?|files?|notes?|system|database)|on (?:your|my|our|the) (?:list"
    r"|records?|files?)"
    r"|(?:in view of|following|pursuant to|according to|due to|thanks to|after|before|during|despite) "
    r"(?:the |our |my |a |last |this )?(?:\w+ ){0,2}(?:above|discussions?|conversations?|meeting|policy|call"
    r"|talk|review"
    r"|move|waiting|weeks?|months?|years?|days?|thought|thinking|deliberation|all|this|that)"
    r")\b",
)
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_DATE = (
    rf"(?:(?:\d{{1,2}}(?:st|nd|rd|th)? (?:of )?|(?:first|second|third|start|end|beginning|middle) of |(?:early"
    rf"|late|mid) )?"
    rf"{_MONTH}(?: \d{{1,2}}(?:st|nd|rd|th)?)?(?:,? \d{{4}})?|(?:19|20)\d\d)"
)
_SPAN = r"(?:minutes?|hours?|days?|weeks?|weekends?|months?|years?)"
AGO = re.compile(
    rf"\b(?:(?:as of|since|effective|starting|beginning|from|as from|until|by)(?: the)?(?: about)?(?: last"
    rf"| next| this)?"
    rf"(?: \w+ {_SPAN}(?: ago)?| yesterday| today| tomorrow| now| morning| week| month| year"
    rf"| immediately)(?: on(?:wards?)?)?"
    rf"|(?:this|last|next|every|all) (?:morning|afternoon|evening|night|day|{_SPAN}|spring|summer|autumn|fall"
    rf"|winter|time"
    rf"|{_DAY})"
    rf"|(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|\d+|some|several|(?:a )?few"
    rf"|(?:a )?couple of) {_SPAN} ago"
    rf"|for (?:an?|one|two|three|four|five|six|\d+|some|several|(?:a )?few|(?:a )?couple of) {_SPAN}(?: now)?)\b",
)
WHEN = re.compile(
    rf"\b(?:as of|since|effective|starting|beginning|from|as from|until|by|on|in|during"
    rf"|this coming)(?: the)?(?: last| next| this)?"
    rf" (?:{_DAY}|{_DATE}|\d{{1,2}}(?:st|nd|rd|th)|(?:spring|summer|autumn|fall|winter|christmas"
    rf"|easter)(?: {_DATE})?)(?: on(?:wards?)?)?\b",
)
PAST = re.compile(
    r"\b(?:back then|at that time|back in|in those days|years ago|when (?:i|we) (?:was|were|lived|had|used"
    r"|first|got|went"
    r"|moved|started)\b(?! my| our| the)|in my (?:youth|childhood)|as a (?:child|kid|teenager|student)|once upon"
    r"|for (?:\w+ )?(?:years|months|weeks|ages) (?:before|until)|until (?:last|yesterday)|before that"
    r"|in the past|formerly)\b",
)


POINTING = frozenset(("that", "this", "there", "here"))
ADJECTIVE = ("ful", "less", "able", "ible", "ous")
PHRASE = re.compile(
    r"\b(?:(?P<replaced>(?:took|takes|taken|taking) (?:(?:the|its|that|over) )+place(?: of)?|t(?:ook"
    r"|aken) over (?:as|from))"
    r"|(?P<topic>when it comes to|as far as|as for|in terms of|speaking of|with regard to|in regard to|as regards)"
    r"|(?P<anymore>any (?:more|longer))"
    r"|(?P<quit>gave up|given up|got rid of|gave back|handed back|handed in)"
    r"|(?P<as>(?:listed|noted|filed|saved|recorded|registered|down) under(?= (?:my|our|the)\b))"
    r"|(?P<is>should (?:now )?(?:say|read)|go(?:es)? by|needs? to be))\b"
)
IDIOMS = {"replaced": "replaced", "topic": "for", "anymore": "anymore", "quit": "quit", "is": "is", "as": "as"}
"""Idioms of `PHRASE` by group, each with the (not longer) word that it stands for."""
RHETORICAL = re.compile(
    r"^\W*(?:would|can|will) you (?:not )?believe|^\W*did i (?:mention|tell you|say)\b"
    r"|, (?:ok(?:ay)?|right|all ?right|you know|got it|isn't it|deal|yes|huh|eh|cool)\?"
    r"|^\W*(?:please |so |and |hey |hi )*(?:can|could|would|will) you (?:please |kindly |just )?"
    r"(?:change|update|set|switch|make|use|note|save|remember|put|record|list|replace|correct|enter|store"
    r"|register|swap)\b"
)
"""Questions that tell or ask to do something."""
THING = frozenset(re.findall(r"\S+", "thing situation matter topic issue business front side question"))
