"""When recall cannot help: small talk that neither asks nor says anything which a memory could bear on.

Rules over words, no model, and cautious: one word that is not small talk ("Thanks, and how is the *cat*?") and recall
goes ahead. They know English; in another language recall goes ahead. What was skipped is remembered all the same.
"""

from __future__ import annotations

import re

_DOING = r"(?: been)?(?: going| doing| feeling| holding up)?(?: today| now| lately| so far)?"
_PHRASES = re.compile(
    r"\b(?:"
    r"how(?:'s| is| are|'re| was| were| have| has)? (?:it|you|things|everything|life)(?: all)?"
    rf"{_DOING}|how(?:'s| is| was|'re| are) (?:your|the|this) (?:day|morning|evening|afternoon|night|week|weekend)"
    rf"{_DOING}|how (?:have|has) (?:you|it|things|everything|life) been"
    rf"{_DOING}|how do you do"
    r"|what(?:'s|s| is) (?:up|new|going on|happening)(?: with you)?"
    r"|(?:are )?you (?:ok|okay|alright|good|well|ready|(?:still )?there)"
    r"|(?:and )?(?:how about |what about )?you(?: too)?(?=\?)"
    r"|long time,? no see"
    r"|(?:it(?:'s| is| was) )?(?:so )?(?:nice|good|great|lovely|pleased|glad) to (?:meet|see|hear|talk to|"
    r"chat with|hear from) you(?: again| too)?"
    r"|(?:have|had) a (?:\w+ )?(?:day|one|night|evening|weekend|morning|time|week|trip)"
    r"|(?:talk|speak|see|catch|chat)(?: to| with)? you(?: guys)? (?:later|soon|tomorrow|around|then|again|"
    r"next time)"
    r"|take care(?: of yourself)?"
    r"|sleep well"
    r"|sweet dreams"
    r"|good luck"
    r"|no (?:problem|worries|way|rush|idea|thanks)"
    r"|never ?mind"
    r"|my (?:pleasure|bad)"
    r"|you(?:'re| are) (?:very |so )?(?:welcome|right|kind|funny|sweet|amazing|great|awesome|the best|"
    r"wonderful)"
    r"|that (?:sounds?|makes)(?: so| very| really| a| total)? (?:sense|good|great|nice|fun|perfect|lovely|"
    r"awesome|idea|plan|amazing|interesting)"
    r"|sounds? (?:good|great|like a plan|fun|nice|perfect|lovely|awesome|amazing)"
    r"|makes (?:perfect |total )?sense"
    r"|(?:good|great|nice|lovely|fantastic|excellent) (?:idea|point|job|work|one|news|to know|morning|"
    r"afternoon|evening|night|day|plan)"
    r"|i (?:see|agree|understand|know|get it|hope so|think so|guess(?: so)?|love it|like it|"
    r"appreciate (?:it|that)|can't wait)"
    r"|can'?t wait"
    r"|give me a (?:second|minute|moment)"
    r"|(?:just )?(?:a|one) (?:second|minute|moment|sec)"
    r"|fair enough"
    r"|thanks (?:again|a lot|so much|for (?:the|your|all the|all your) (?:kind |lovely |nice )?(?:\w+))"
    r"|thank you (?:again|so much|very much|for (?:the|your|all the|all your) (?:kind |lovely |nice )?(?:\w+))"
    r"|(?:so |i'm |i am )*(?:glad|happy|pleased) (?:i could help|to help|you (?:like|liked|enjoyed) it|it helped)"
    r"|(?:i )?hope you (?:enjoy|like) it"
    r"|(?:you've |you )(?:got (?:this|it)|rock)"
    r"|keep (?:it up|going|at it|up the good work)"
    r"|(?:stay|be) safe"
    r"|catch you (?:later|soon|tomorrow)"
    r"|see (?:ya|you)(?: (?:later|soon|tomorrow|around|then))?"
    r"|let me know (?:how it goes|if you need anything)"
    r"|got it|just do it|bye for now|(?:that|it) (?:was|is) (?:so |very )?(?:great|good|fun|nice|lovely|awesome)"
    r"|i(?:'m| am) here for you|means a lot"
    r"|of course"
    r"|for sure"
    r"|same here"
    r"|me (?:too|neither)"
    r"|(?:i've |i have |i )?(?:got to|gotta|have to|need to) (?:go|run)"
    r"|let(?:'s| us) (?:go|start|begin|do it|see)"
    r"|i(?:'m| am) (?:back|here|off|good|fine|ok|okay|well|great|bored|done|ready|sorry|not sure|(?:just )"
    r"?kidding|doing (?:well|fine|good|great))"
    r")\b(?!')",
    re.IGNORECASE,
)
_WORDS = frozenset(
    """
    a absolutely ah aha alright always amazing and anytime appreciate as aw awesome aww beautiful best big
    brilliant bro bye cheers ciao clear congrats congratulations cool correct dear definitely dude enjoy
    everybody everyone exactly excellent fabulous fantastic fine folks for friend friends fun funny glad good
    goodbye goodness gosh gotcha great greetings guys ha haha hahaha happy hehe hello helpful hey heya hi hiya
    hm hmm hmmm hooray howdy huh impressive incredible indeed inspiring interesting is it it's just kinda
    kudos later lol lot lots lovely magnificent mate maybe meh mhm much nah neat nice no nope nothing now of
    oh ok okay omg ooh oops perfect perhaps phew please pleasure precisely pretty probably really right rofl
    roger seriously so sorry splendid stunning super sure surely sweet terrific thank thanks that that's the
    then there this thx to today together too totally true truly ugh uh uhm um understood very wait welcome
    well whatever whoa wonderful wow xd ya yay yeah yep yes yo you you're your yup
    """.split()  # noqa: SIM905 - a list of words reads as one
)
_NAMED = re.compile(
    r"\b(?P<said>(?i:hi|hello|hey|heya|hiya|thanks|thank you|thx|bye|goodbye|good (?:morning|afternoon|evening|night)"
    r"|cheers|wow|yeah|yes|no|ok|okay|sure|oh|congrats|congratulations|welcome)),? [A-Z][\w-]+\b"
    r"|, [A-Z][\w-]+(?=\s*[!.?,]|$)"
)
"""Somebody called by name, which asks nothing about them: "Hi Ana", "Thanks, Ben!", "Great, Ana."."""
_PICTURES = re.compile(r"[:;=8][-']?[)(DPpO/|]|<3|\^\^")
_WORD = re.compile(r"[^\W_]+(?:'[^\W\d_]+)*")


def worth_recalling(text: str) -> bool:
    """Say whether a memory could bear on what was said; False for small talk, and for what has no words at all."""
    said = _PICTURES.sub(" ", text.replace("\u2019", "'"))
    left = _PHRASES.sub(" ", _NAMED.sub(lambda match: match["said"] or "", said))
    return any(word.lower() not in _WORDS for word in _WORD.findall(left))
