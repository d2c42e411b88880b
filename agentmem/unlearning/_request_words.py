"""The English in which one asks to forget: how a request opens and ends, what it excepts, and the nouns of memory."""

from __future__ import annotations

import re

_CALM = (
    r"(?:,?\s*(?:please|pls|plz|kindly|just|now|also|then|so|and|ok|okay|hey|hi|hello|well|actually|sorry|thanks)"
    r",?\s+)*"
)
_ASKING = (
    r"(?:(?:can|could|will|would) you\s+|(?:i|we)(?:'d| would)? (?:want|need|like|prefer|wish) (?:you|it) to\s+"
    r"|i'd (?:like|prefer|want) you to\s+|i (?:want|would like) to ask you to\s+"
    r"|you (?:should|must|can|may|need to|have to|ought to)\s+|(?:please )?make sure (?:that )?you\s+|it's time to\s+"
    r"|(?:i'd|i would) (?:prefer|like|appreciate) it if you\s+"
    r"|(?:i'd|i would) rather (?:that )?you\s+|it (?:would|'d) be (?:great|nice|good|best|better|lovely"
    r"|helpful) if you"
    r" (?:could|would)?\s*|(?:i was |i'm |i am )?(?:wondering|hoping) (?:if )?you (?:could|would|can)\s+"
    r"|we (?:should|must|need to)\s+"
    r"|(?:is it|would it be) (?:possible|ok|okay) (?:for you )?to\s+"
    r"|let's\s+|would you mind\s+|(?:do me a favou?r and|go ahead and|make yourself|i'm asking you to"
    r"|i ask you to|i beg you to)\s+)?"
)
_FORGETS = (
    r"(?P<forget>forget|forgot|never (?:mention|bring up)(?=.*\bagain\b)"
    r"|you no longer (?:need|have) to (?:remember|know|keep)|forgetting|unlearn|unlearning"
    r"|stop (?:knowing|remembering)|(?:don't|do not|no longer|i don't want you to|i do not want you to"
    r"|i no longer want you to)"
    r" (?:remember|know|keep)(?=.*\b(?:any ?more"
    r"|any longer|again)\b))"
)
_STOPPED = r"(?:recall|remember|retain|keep|stor|us|reus|repeat|restat|cit|quot|mention|reproduc|surfac)"
_STOPS = (
    rf"(?:(?:stop|quit|cease|avoid) {_STOPPED}(?:ing|ping)"
    r"|(?:do not|don't|never|no longer) (?:recall|retain|keep|store|restate|repeat|reproduce|resurface))"
)
_REMOVES = (
    r"(?P<remove>(?:deleted|erased|removed|discarded|delete|discard|strike|expunge|eliminate|take|erase"
    r"|remove|purge|scrub|clear|drop|wipe|retire|withdraw|redact|deleting|erasing"
    r"|removing|wiping)(?: out"
    rf"| away| up)?"
    rf"|get rid of|throw away|let go of|{_STOPS})"
)
OPENING = re.compile(
    rf"^\W*(?P<calm>{_CALM})(?P<asking>{_ASKING}){_CALM}(?:{_FORGETS}|{_REMOVES})\b"
    rf"(?:,? (?:and|or) (?:then )?(?:delete|erase|remove|purge|scrub|wipe|forget|{_STOPS})\b)*[ ,:]*(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
"""A sentence that may be a request, its verb, and what it is to be done to."""

SENTENCES = re.compile(
    r"(?<=[.!?\n;])(?<!\b[A-Z]\.)(?<!\b(?:Mr|Dr|St)\.)\s+"
    r"|,\s+(?=(?:so )?(?:please|could you|can you|would you|i want you to|i'd like you to)\b)",
    re.IGNORECASE,
)

NO_REQUEST = re.compile(
    r"^\W*(?:$|it\b(?! all)|about it\b|to\b|you\b|how (?!to use|you use)|me not\b|about me not\b|all your (?:worries"
    r"|troubles)"
    r"|(?:about )?(?:the|that|this) [^,.]*,? (?:let's|let us|we (?:can|could|should|will|have)|we'll|i'll"
    r"|how about)\b"
    r"|and forgive\b|or not\b|-)",
    re.IGNORECASE,
)
"""How sentences go on that say "forget" and ask for nothing: "forget it", "forget to lock up"."""
BARE_PRONOUN = re.compile(r"^\W*(?:that|this|these|those|it|him|her|them)(?: all| one| thing)?\W*$", re.IGNORECASE)
OF_MEMORY = re.compile(
    r"\b(?:you (?:know|knew|have|had|keep|kept|remember|learn\w*|store\w*|saved?|noted)|you've (?:learned"
    r"|learnt|stored|saved)"
    r"|keep only|later answers|treated as deleted|not be (?:restated|recovered|recoverable|repeated)|told you"
    r"|tell you|i (?:said|told|mentioned|shared|wrote)|we (?:said|talked|discussed|spoke)|memory"
    r"|memories|remembered"
    r"|our (?:chats?|conversations?|talks?|discussions?)|(?:this|that|last|the) (?:chat|conversation|thread|session)"
    r"|my (?:personal )?(?:data|information|details)|everything\W*$"
    r"|everything (?:related to|concerning|regarding|involving|that mentions)|anything (?:related to"
    r"|to do with|concerning|regarding)"
    r"|from your (?:records|mind|files|knowledge|head)|(?:all|any|every) (?:info"
    r"|information|data|details"
    r"|records?|traces?|references?|mentions?) (?:on|of|to|about)"
    r"|your (?:notes|facts|summary|summaries|knowledge)"
    r"|chat history|facts?|preferences?|skills?|(?:summary|summaries)"
    r"|(?:everything|anything|all|whatever|what)\b.*\b(?:about|from|said|by))\b",
    re.IGNORECASE,
)
"""What makes "delete" and the like a matter of memory: a file or a paragraph is deleted by other means."""

CLOSING = re.compile(
    r"(?:[\s,.!?]+|\b(?:please|pls|plz|thanks|thank you|now|right now|immediately|forever|for good|completely"
    r"|entirely"
    r"|out of (?:your|the) (?:memory|memories|mind|records?|notes|head)|and (?:everything|anything"
    r"|all) about (?:it|him|her|them)"
    r"|permanently|going forward|(?:for|in) (?:any |all )?(?:future|later) (?:answers?|summaries|replies|use)"
    r"|for me|any ?more|any longer|again|will you|would you|could you|ok|okay"
    r"|from (?:(?:your|the|all|our) )?(?:[\w-]+ ){0,2}"
    r"(?:memory|memories|mind|records?|notes|database|store|space)|in your memory))+$",
    re.IGNORECASE,
)
KEEPING = re.compile(
    r"(?:,|;|\.)?\s*(?:\b|(?<=,))(?:except(?:ing)?(?: for)?|apart from|other than|excluding|besides|save for"
    r"|aside from"
    r"|(?:but|and|while|though|just)(?: please)?(?: do)? (?:keep(?:ing)?|leav(?:e|ing)|remember(?:ing)?"
    r"|retain(?:ing)?"
    r"|(?:preserve|preserving))"
    r"|but (?:not|don't forget|do not forget|don't touch|don't delete)|without (?:losing|forgetting|touching"
    r"|deleting)"
    r"|(?<=,) ?not)\s+(?:for\s+)?(?=\S)",
    re.IGNORECASE,
)
ALL_BUT = re.compile(r"^(?:everything|all|anything|everyone)(?: else)? but\s+(?!keep|not|leave)", re.IGNORECASE)
UNRELATED = re.compile(
    r"^(?:everything|all|anything|whatever|the things|things|stuff|memories)(?: (?:that|which))?"
    r"(?:'s| is| are| was| were| isn't| aren't| has| have| does| do)?(?: not|n't)?\s*"
    r"(?P<neg>not|unrelated|n't|nothing)(?: (?:about|related|related to|to do with|from|in|to"
    r"|concerning))*\s+(?P<what>.+)$",
    re.IGNORECASE,
)

HEAD = re.compile(
    r"^(?:(?:absolutely|literally|simply|really|just|basically) )*(?:(?:each and )?every(?:\s?thing"
    r"|\s?single thing)|all(?: of)?(?: the| your| my| our)?(?: (?:things|stuff"
    r"|memories|messages|notes|facts"
    r"|information|info|data|details|knowledge|records|bits|of it))?|anything|whatever|what(?:ever)?|(?:the "
    r"|any |those )?"
    r"(?:things|stuff|memories|memory|messages?|information|info|data|details|knowledge|records?|facts?)|that)\b"
    r"(?:\s+(?:that|which))?\s*",
    re.IGNORECASE,
)
"""Words for "all that": what follows says which."""
SAYING = re.compile(
    r"^(?P<who>[\w'\u2019. -]{1,40}?)(?:\s+(?:have|has|had|ever|just|once|already)|['\u2019](?:ve|s|d))*\s+"
    r"(?:told|tell|said|says?|wrote|mentioned|shared|sent|typed|talked|discussed|asked|spoke|chatted|confided"
    r"|posted|uttered)\b"
    r"(?:\s+(?:to|with|at))?(?:\s+(?:you|me|us|him|her|them|here|each other|anyone))?\s*",
    re.IGNORECASE,
)
KNOWING = re.compile(
    r"^you(?:\s+(?:have|had|might|may|still|ever)|['\u2019](?:ve|d))*\s+"
    r"(?:know|knew|remember|remembered|learned|learnt|have|store[d]?|saved|keep|kept|got|noted|on file)\b\s*",
    re.IGNORECASE,
)
ABOUT = re.compile(
    r"^(?:(?:all |anything |everything )?(?:about|regarding|concerning|related to|relating to"
    r"|that has to do with|to do with"
    r"|that (?:mentions?|involves?|concerns?|names?)|mentioning|involving|naming|on|of|that is about"
    r"|that's about|is about))\s+",
    re.IGNORECASE,
)
MESSAGES = re.compile(
    r"^(?:all |the |my |our |every |any )*(?:messages?|turns?|posts?|utterances|words|lines|statements|comments)\s+"
    r"(?:(?:that )?(?:were |was )?(?:written |sent |said )?(?:by|from|of))\s+(?P<who>.+)$",
    re.IGNORECASE,
)
CONVERSATION = re.compile(
    r"^(?:(?P<which>this|that|the|my|our|the current|current|last|our last|the last|latest|previous"
    r"|the previous)\s+)?"
    r"(?:whole |entire )?(?P<noun>threads?|conversations?|chats?|sessions?|runs?|trajectory|dialogues?|talks?"
    r"|discussions?|exchange)"
    r"(?:\s+(?:named|called|titled|number|no\.?|id))?(?:\s+(?P<name>(?!about\b|on\b|with\b|from\b|of\b|in\b).+?))?$",
    re.IGNORECASE,
)
NAMED_THREAD = re.compile(r"^(?:the\s+)?(?P<name>.+?)\s+(?:thread|conversation|chat|session|run)$", re.IGNORECASE)
IN_THREAD = re.compile(
    r"\s+(?:in|during|from|of|within)\s+(?P<thread>(?:this|that|the|our|my)?\s*(?:last |current |previous |whole )?"
    r"(?:(?:thread|conversation|chat|session|run)\b.*|[\w./#-]+ (?:thread|conversation|chat|session|run)))$",
    re.IGNORECASE,
)
TOOL = re.compile(
    r"^(?:how (?:to|you) (?:use|using|call|run|operate|invoke)\s+)?(?:using |the use of )?(?:the |your |that |this )?"
    r"(?P<name>[\w./ -]+?)\s+(?:tool|plugin|function|api|command|skill|procedure|routine)s?$"
    r"|^how (?:to|you) (?:use|call|run|operate|invoke)\s+(?:the |your )?(?P<used>.+)$",
    re.IGNORECASE,
)
SOURCE = re.compile(
    r"^(?:the |that |this |my )?(?:(?P<noun>source|file|document|website|site|page|import|imports|dataset|upload)\s+"
    r"(?P<name>.+)|(?P<named>.+?)\s+(?:source|file|document|website|site|page|import|dataset|upload))$",
    re.IGNORECASE,
)
SPACE_NAME = re.compile(
    r"^(?:the )?(?P<key>namespace|environment|project|workspace|task)\s+(?P<name>[^\s'\"]+)$", re.IGNORECASE
)
FROM = re.compile(
    r"^(?:(?:that |which )?(?:came|comes|was imported|were imported|imported|originat\w+)\s+)?"
    r"(?:from|by|via|through)\s+",
    re.IGNORECASE,
)
INSIDE = re.compile(r"^(?:(?:that )?(?:is|was|are|were) )?(?:in|under|within|inside)\s+", re.IGNORECASE)
KINDS_SAID = re.compile(
    r"^(?:all |every |each |any )?(?:(?:of )?(?:your|the|my|our) )?(?P<kind>(?:summary|summaries)|facts?|notes?"
    r"|preferences?|skills?"
    r"|replies|reply|answers|turns?)$",
    re.IGNORECASE,
)
RELATIONS = (
    r"(?:late |former |old |new |dear |best |older |younger |elder |little |big )?"
    r"(?:ex(?:[- ](?:husband|wife|boyfriend|girlfriend|partner|fianc[e\u00e9]e?|boss|colleague|friend))?"
    r"|husband|wife|boyfriend|girlfriend|partner|spouse|fianc[e\u00e9]e?|mother|mom|mum|father|dad|sister"
    r"|brother|son|daughter"
    r"|child|kid|aunt|uncle|cousin|nephew|niece|grandmother|grandma|grandfather|grandpa|mother-in-law|father-in-law"
    r"|stepmother|stepfather|stepson|stepdaughter|boss|manager|colleague|coworker|co-worker|friend|neighbou?r"
    r"|landlord"
    r"|landlady|roommate|flatmate|doctor|therapist|dentist|lawyer|teacher|coach|tutor|client|employee|dog|cat|pet)"
)
RELATION = re.compile(
    rf"^(?P<whose>my|our)\s+(?P<relation>{RELATIONS})(?:[,:]?\s+(?:(?:called|named)\s+)?(?P<name>[^\W\d_].*?))?,?$",
    re.IGNORECASE,
)
ATTRIBUTE = re.compile(
    r"^(?:(?P<mine>my|our)|(?P<whose>[^\W\d_][\w .'-]{0,40}?)['\u2019]s?)\s+"
    r"(?:(?P<which>current|present|latest|newest|old|former|previous|past|earlier)\s+)?(?P<what>[^\W_][\w -]{0,40})$",
    re.IGNORECASE,
)
WHERE = re.compile(
    r"^where (?P<who>i|we|[^\W\d_][\w'-]*) (?:live[sd]?|used to live|am living|is living)$", re.IGNORECASE
)
COMMON_ATTRIBUTES = frozenset(
    re.findall(
        r"[^,\n]+",
        """address,home address,phone number,phone,mobile number,email,email address,birthday,date of birth,age,salary
income,password,passcode,pin,pin code,code,job,employer,job title,name,surname,nickname,city,town,country,street
postcode,zip code,favourite colour,favorite color,account number,iban,card number,credit card number,passport number
licence plate,license plate,username,blood type,height,weight,allergy,allergies,diet,wifi password
social security number,house number""",
    )
)
LAST_UNITS = re.compile(
    r"\b(?:in |from |of |within |over )?(?:the )?(?:last|past|previous) (?P<count>\d+|few|couple of|two|three"
    r"|five|ten)?\s*"
    r"(?P<unit>minute|hour)s?\b|\b(?P<ago>\d+|an?) (?P<agounit>minute|hour)s? ago\b",
    re.IGNORECASE,
)
AMBIGUOUS_DATE = re.compile(r"\b(?P<first>\d{1,2})[/.](?P<second>\d{1,2})[/.](?P<year>\d{4}|\d\d)\b")
DATE_LEAD = re.compile(
    r"(?:(?:\b(?:back|sometime|some time|dated))?\s*\b(?:from|in|on|since|before|after|between|until|till|during|by"
    r"|within|over|of|around|prior to|up to|as of|for|at|the|back|starting|later than|earlier than)\s+)+$",
    re.IGNORECASE,
)
ULID = re.compile(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b")
QUOTED = re.compile(r"(?<!\w)[\"'\u201c\u2018\u00ab]([^\"\u201c\u201d\n]{2,200}?)[\"'\u201d\u2019\u00bb](?!\w)")
VALUE = re.compile(
    r"\S+@\S+\.\w+|(?<!\w)\+?\d[\d ().\-]{6,}\d(?!\w)|(?<!\w)[$\u20ac\u00a3]\s?\d[\d,.]*\d{3}(?!\w)"
    r"|\b\d{1,3}(?:[,.]\d{3})+(?:\s?(?:USD|EUR|GBP|CHF|JPY|dollars|euros|pounds))?\b"
    r"|\b\d{4,}\s?(?:USD|EUR|GBP|CHF|JPY|dollars|euros|pounds)\b"
    r"|\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])(?=[\w-]*[_-]|[A-Z\d]{5,}\b)[\w-]{5,}\b"
)
"""Values by which a thing can be found to the letter: an address, a number to call, a sum of thousands, a code."""
LABEL = re.compile(
    r"^\W*(?:(?P<asks>(?![^:]*\b(?:before|after|until|pending|plan\w*|prep\w*)\b)"
    r"(?:[^:.!?]{0,40}\b)?(?:deletion|erasure|removal|forget|forgetting|privacy)\b[^:.!?]{0,60})"
    r"|[A-Z][\w -]{0,40}):\s*(?=\S)",
    re.IGNORECASE,
)
"""How a request is headed: "Deletion request on funding: ...", "Security: ..."."""
_MEMORY = (
    r"(?:(?:your|the|our|all|any) )?(?:[\w-]+ ){0,3}?"
    r"(?:memory|memories|records?|notes|histor(?:y|ies)|files?|summary|summaries)"
)
_GONE_FROM = rf"(?:deleted|erased|removed|purged|wiped|scrubbed|expunged|withdrawn|redacted) from {_MEMORY}"
PASSIVE = re.compile(
    r"^\W*(?:(?:please|everything|anything|all)\s+)*(?P<object>\S.*?) (?:should|must|needs? to|has to|have to"
    r"|is to|are to) (?:now |also )?be"
    rf" (?:forgotten|unlearned|{_GONE_FROM})\b|"
    r"^\W*(?:i|we) (?:want|need|would like|'d like) (?P<what>.+?) (?:to be )?(?:removed|deleted|erased|purged"
    r"|scrubbed|wiped)"
    r"\b.*\b(?:memory|memories|records?|notes)\b"
    r"|^\W*(?:i|we) (?:want|need|would like) (?P<gone>.+?) (?:to be )?forgotten\b"
    r"|^\W*(?:i|we)(?: am| are|'m|'re)?(?: \w+ly)? request(?:ing)?(?: the)? (?:deletion|erasure"
    r"|removal) of (?P<wanted>.+)",
    re.IGNORECASE,
)
_AGAIN = r"(?:restated|recovered|repeated|recoverable|recalled|retained|revived|restored|brought back|resurfaced)"
GONE = re.compile(
    r"\b(?:treat(?:ed)? as (?:deleted|erased|forgotten|gone|retired|removed|withdrawn|unavailable)"
    rf"|(?:should|must|may)(?: not|n't) (?:ever )?be {_AGAIN})",
    re.IGNORECASE,
)
"""How a sentence names what is to go: after a request once more, and by itself where it names it to the letter."""
DONE = re.compile(
    r"^\W*(?!(?:if|when|once|unless|until|whether|after|before)\b)(?P<object>\S.*?)"
    r" (?:(?:has|have) been|is|are|was|were) (?:now |hereby |already |also )*"
    rf"(?:(?P<where>{_GONE_FROM}|queued for (?:deletion|removal))"
    r"|(?:deleted|erased|removed|purged|wiped|scrubbed|expunged|withdrawn))\b",
    re.IGNORECASE,
)
"""A report that something is deleted: of a memory it is true only once this one has forgotten it, too."""
TIDYING = re.compile(
    r"^\W*(?:(?![^:]*\b(?:plan\w*|prep\w*|pending|before|after|draft)\b)"
    r"(?:[^:.!?]{0,30}\b)?(?:clean-?up|deletion|erasure|removal|purge|retention)\b[^:.!?]{0,40}):\s*(?=\S)",
    re.IGNORECASE,
)
"""How such a report is headed: "Cleanup note: ..."."""
REVIVE = re.compile(
    r"^\W*(?:please )?(?:do not|don't|never) (?:revive|restore|recall|restate|repeat|reproduce|retain|bring back"
    r"|resurface|resurrect|mention) (?:it|them|that|those|this|these|either|any of \w+)\b",
    re.IGNORECASE,
)
"""What forbids to say again what the sentence before it names."""
REASON = re.compile(r",?\s+(?:because|now that|given that|seeing that|and (?:use|rely on|switch to))\b", re.IGNORECASE)
"""What follows says why something is to go, and what is in its place."""
ALSO_KEPT = re.compile(
    r"^\W*(?:please |but |and |just |only )*(?:keep|leave|retain|preserve|remember)\b(?: only)?\s+", re.IGNORECASE
)
"""A sentence after a request that says what is to stay."""

RETIRED = re.compile(
    r"\b(?:earlier|older|old|retired|superseded|obsolete|provisional|outdated|previous)\b", re.IGNORECASE
)
"""What one calls a value that has been replaced."""
TITLE = re.compile(
    r"\b(?:names?|labels?|wordings?|phrases?|strings?|codes?|tokens?|titles?|values?|terms?|words?|codenames?"
    r"|mappings?"
    r"|assignments?|numbers?)\b:?\s+(?!of\b|for\b|about\b|in\b|on\b|from\b|to\b|that\b|which\b|and\b)",
    re.IGNORECASE,
)
"""Nouns that a thing to be found to the letter follows: "the exact label temporary relocation"."""
EXACT = re.compile(r"\b(?:exact|precise|specific|private|internal|confidential)\b", re.IGNORECASE)
_MONTHS = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w*"
NUMBERED = re.compile(
    rf"(?:(?!{_MONTHS} \d)[A-Z][\w'-]* )(?:(?!{_MONTHS} \d)[A-Z][\w'-]* ){{0,4}}\d{{1,5}}\b(?!,? \d{{4}})"
)
"""A thing known by a name and a number: "Archive Carrel 418"."""
EQUATED = re.compile(
    r"(?:\s=\s|\s->\s|\s(?:corresponds? to|maps? to|stands? for|refers? to|is mapped to|is really)\s)"
    r"(?P<value>[^=.;\"'\u201d\u2019]+)"
)
"""What a note that maps one thing to another says: of "Project Fir = Oak Bank", that it is Oak Bank."""
EXACT_NAME = re.compile(r"[a-z]\s(?P<name>[A-Z][\w'-]*(?: [A-Z\d][\w'-]*)+)$")
"""A name at the end of a phrase that tells what it names: "the private location Archive Carrel 418"."""
FOUND_IN = re.compile(
    r"^(?:(?:all|any|every|each|the|your|our|my|of)\s+)*(?:(?:mentions?|traces?|memory|memories|knowledge) of"
    r"|references? to"
    r"|(?:memory|memories|messages?|conversations?|chats?|notes?|info|information|data|details"
    r"|records?) (?:that |which )?"
    r"(?:about|on|mention(?:ing|s)?|involv(?:e|es|ing)|regarding|concerning))\s+(?=\S)",
    re.IGNORECASE,
)
"""Words for what is to go that only say that it is about something: "all mentions of"."""
EXISTING = re.compile(
    r"^(?:who|what) (?P<who>.+?) (?:is|was|are|were)$|^(?:that )?(?P<what>.+?) (?:exists|existed|ever existed)$",
    re.IGNORECASE,
)
WHO_SAID = re.compile(
    r"\s+(?:that|which) (?P<who>[\w'-]+)(?: have| has|'ve)? (?:said|told|mentioned|shared"
    r"|wrote)(?: to)?(?: you| me| us)?$",
    re.IGNORECASE,
)
THEIR_MESSAGES = re.compile(
    r"^(?P<who>[^\W\d_][\w -]*)['\u2019]s? (?:messages|turns|words|posts|statements)$", re.IGNORECASE
)
LATEST = re.compile(
    r"^(?:(?P<whose>the|my|your|our)\s+)?(?:very )?(?:last|latest|most recent"
    r"|previous)\s+(?:(?P<count>\d{1,3}|two|three|four|five"
    r"|ten)\s+)?(?P<what>messages?|turns?|replies|reply|answers?|sentences?|statements?|things? (?:i|you"
    r"|we) (?:said|told you))$"
    r"|^(?:what(?:ever)?|the thing|everything)(?: that)? (?P<who>i|you|we) (?:have |'ve )?just (?:said"
    r"|told you|wrote|mentioned)$",
    re.IGNORECASE,
)
"""What was said last, in the conversation."""
RETURNED = re.compile(
    r"^(?P<tool>(?:the |your )?.+? tool) (?:has |ever )?(?:returned|gave|said|produced|wrote|output|reported|told)\b",
    re.IGNORECASE,
)
OLDER = re.compile(
    r"\bolder than (?P<count>an?|\d{1,4}|two|three|five|ten) (?P<unit>hour|day|week|month|year)s?\b", re.IGNORECASE
)
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december)(?:,? (?:19|20)\d\d)?"
)
RESPOKEN = (
    (
        re.compile(rf"\bfrom ({_MONTH}) (?:to|until|till|through) ({_MONTH})\b", re.IGNORECASE),
        r"between in \1 and in \2",
    ),
    (re.compile(rf"\b(?:all|the whole|the rest) of ({_MONTH})\b", re.IGNORECASE), r"from in \1"),
    (re.compile(r"\b(?:up to|through|up until|till)\b(?= (?:the )?(?:\d|[A-Z]|last|this|yester))"), "until"),
    (re.compile(r"\b(?:after|since) (?=.{3,30} (?:and|but) before\b)", re.IGNORECASE), "between "),
    (re.compile(r"(?<=between )(.{3,30}) (?:and|but) before\b", re.IGNORECASE), r"\1 and"),
)
"""Times in other words, and how the rules for dates say them."""
COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "ten": 10}
