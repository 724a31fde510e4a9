"""Make the PDF and the Word document of the sample documents.

The content stands below as text, so that a change can be read in a diff. The output is the same,
byte for byte, on every run with the same versions of the libraries::

    pip install reportlab python-docx
    python make_documents.py

The text is written in blocks with an empty line between them. The first characters of a block tell
what it is: ``#`` the title, ``##`` and ``###`` headings, ``-`` a list, ``1.`` numbered steps,
``|`` the rows of a table, ``<page>`` a new page; anything else is a paragraph.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from docx import Document
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import (
    Flowable,
    ListFlowable,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTS = Path(__file__).parent / "documents"

SAFETY_DATA = """
# Safety Data: Battery Pack BP-24 and Mast Work

Orrevik Instruments, issue 5 of 12 February 2024. This document belongs to every Curlew C4 weather
station. Sections 1 to 5 deal with the battery pack BP-24, section 6 with work on the mast. Keep a
printed copy in the service vehicle.

## 1. Identification and hazards

The BP-24 is a sealed, rechargeable lithium iron phosphate battery of 24 Ah and 307 Wh with a
nominal voltage of 12.8 volts. It weighs 3.1 kilograms. It is intended only for the supply of
weather stations; use in vehicles, boats or toys is forbidden.

The emergency telephone of the manufacturer, +47 555 01 112, is answered day and night in Norwegian
and English. Give the serial number on the yellow label.

### Hazards in normal use

An undamaged pack is not a hazardous mixture, and no contact with its contents is possible. The
hazards arise from abuse:

- A short circuit can deliver 400 amperes and weld tools to the terminals.
- A crushed or pierced cell can heat up for as long as two hours before it vents.
- The vented gas contains hydrogen fluoride, which irritates eyes and lungs.
- A pack that has been under water must be treated as damaged, even if it works.

Signs of a damaged pack are a swollen case, a sweet smell like nail varnish, or a case more than 15
degrees warmer than its surroundings while no current flows.

<page>

## 2. Composition and first aid

### Composition

By weight, the cells consist of 34 percent lithium iron phosphate, 19 percent graphite, 16 percent
electrolyte, 11 percent aluminium and 9 percent copper; the remainder is steel and plastic. The
electrolyte is lithium hexafluorophosphate dissolved in organic carbonates. The pack contains no
lead, cadmium, mercury or cobalt.

### First aid

The following applies only if a cell has leaked or vented.

- Eyes: rinse the open eye with running water for 20 minutes, also under the lids, and see an eye
  doctor at once. Remove contact lenses first.
- Skin: take off wet clothing and wash the skin with plenty of water. Then rub in calcium gluconate
  gel for a quarter of an hour, even if nothing hurts.
- Inhalation: bring the person into fresh air, half upright. Breathing trouble can appear as late as
  24 hours afterwards, so a doctor must examine everybody who has breathed in the gas.
- Swallowing: rinse the mouth, give water in small sips, and do not induce vomiting.

The first-aid box of a service vehicle holds two tubes of calcium gluconate gel and an eye-wash
bottle. The gel is replaced when its date has passed, in any case after three years. Tell the doctor
that electrolyte containing fluoride was involved.

<page>

## 3. Fire and leakage

### Fighting a fire

Cool a burning battery with large amounts of water, at least 200 litres for one pack, from a
distance of four metres and with the wind behind you. Water does not put out the reaction inside the
cell; it keeps the fire from spreading to the next cell. Powder and carbon dioxide extinguishers
smother flames but do not cool, and the fire returns within minutes. Sand is useless.

Firefighters wear breathing apparatus, because the smoke contains hydrogen fluoride and carbon
monoxide. Everybody else stays 25 metres away. In a closed cabinet do not open the door: a mixture
of gas and air can explode. After the fire, watch the pack for 24 hours with a thermal camera.

### Leaking electrolyte

Put on nitrile gloves and protective goggles, and air the room for 30 minutes. Cover the liquid with
vermiculite or dry chalk, never with sawdust. Sweep it up with a plastic shovel and keep it in a
closed plastic drum marked as waste. Do not let leaking electrolyte reach a drain: one litre spoils
about nine cubic metres of water.

Put the leaking pack itself outdoors into a metal box filled with vermiculite, at least five metres
away from any building. Report every leak within one day to the safety officer, Håkon Lie.

<page>

## 4. Handling, charging and storage

### Handling and charging

Take off rings and watches before working on the terminals, and use insulated tools. Always connect
the positive terminal first and disconnect it last. The torque for the terminal screws is 5 Nm.

Charge only with the solar controller of the station or with charger LC-5, never with a charger for
lead batteries. Charging below freezing point destroys the cells; the electronics of the pack
therefore block it below 1 degree Celsius. The charging current must not exceed 12 amperes.

### Storage

Store packs dry, upright, and with their terminal caps on. Pallets of packs may be stacked two high.
A storage room for more than 20 packs needs a smoke detector and a door with 60 minutes of fire
resistance.

| Storage time   | Temperature   | State of charge | Check          |
| up to 1 month  | -20 to +45 °C | 30 to 100 %     | none           |
| 1 to 6 months  | -10 to +30 °C | 40 to 70 %      | every 3 months |
| 6 to 24 months | +5 to +25 °C  | 50 to 60 %      | every 2 months |
| over 24 months | not allowed   | return to maker | capacity test  |

A stored pack loses about two percent of its charge per month. If the voltage has dropped below 10.5
volts, do not recharge it: mark the pack with a red tag and treat it as waste.

<page>

## 5. Transport and disposal

### Transport

The pack is dangerous goods of class 9 and is shipped as UN 3480, or as UN 3481 when it travels in
the cabinet of a station. By road, up to 333 kilograms may be carried without an orange plate on the
vehicle. The driver carries this document and a two-kilogram fire extinguisher.

By air, packs go only in cargo aircraft and with a state of charge of at most 30 percent; they must
never be put into hand luggage or checked baggage. By sea, stow them on deck and away from sources
of heat.

Damaged packs are not shipped at all until the safety officer has agreed. They travel singly, in a
tested steel drum filled with glass foam, and only by road.

### Disposal

Used packs do not belong in household waste. Orrevik Instruments takes back every pack free of
charge. Discharge it to 11 volts, tape over both terminals, and send it to the recycling partner in
the box of the new pack; the label for the return is under its lid. About 71 percent of the material
is recovered. Outside Europe, hand the pack to a collection point for industrial batteries and keep
the receipt for five years.

<page>

## 6. Working on the mast

### Before climbing

Two people are present whenever somebody climbs a mast; the second one stays on the ground and can
perform a rescue. Both must have passed the climbing course within the last three years. Climbing is
forbidden when the wind exceeds 11 metres per second, when there is ice on the mast, and in the
dark.

Stop work and come down as soon as thunder is heard, and wait for 30 minutes after the last thunder
before climbing again. The lightning counter of the station is no substitute for your own ears.

### Equipment

- Full-body harness with two lanyards, inspected every twelve months.
- Helmet with a chin strap; also for the person on the ground, within 6 metres.
- Tool bag with a cord for every tool; the heaviest tool may weigh 2 kilograms.

### Raising the mast

The standard mast weighs 26 kilograms and is raised by two people. The extension mast needs three
people and the gin pole. Keep a distance of at least 20 metres from overhead power lines, measured
from the top of the mast in its worst position. Before digging the foundation, ask the local network
operators for the position of cables.
"""

EMPLOYMENT_AGREEMENT = """
# Employment Agreement

between Orrevik Instruments AS, Bryggeveien 4, Orrevik (the employer) and the employee named on the
signature page. The agreement is governed by Norwegian law. Where a collective agreement grants the
employee more, the collective agreement applies.

## Start, duties and place of work

The employment begins on the date on the signature page and is permanent. The employee reports to
the team lead named there. The place of work is Orrevik; a transfer to another town requires the
written consent of the employee.

### Probation

The first four months are a probation period. During probation either side may give notice of 14
days. Two conversations about progress are held, after six weeks and after twelve weeks. Sick leave
of more than ten days prolongs the probation accordingly.

### Working from home

The employee may work from home up to eight days a month, after agreement with the team. Working
from abroad is possible for 20 days a year within the European Economic Area and must be announced
to the people team three weeks in advance.

## Working hours and overtime

Regular working time is 37.5 hours a week. Core hours, in which everybody can be reached, are 10:00
to 14:30. Overtime is ordered by the team lead in writing. The first five hours of overtime in a
month are covered by the salary; every further hour is paid with a supplement of 50 percent, or 100
percent on Sundays and public holidays.

### On-call duty

Employees in platform operations, support and field service take part in on-call duty, at most one
week in five. The on-call engineer must answer a page within 15 minutes. The allowance is paid
whether or not there was a call:

| On-call duty                   | Allowance per day (NOK) | Time off afterwards |
| Working day, evening and night | 640                     | none                |
| Saturday                       | 1,150                   | two hours           |
| Sunday or public holiday       | 1,480                   | four hours          |
| Christmas and New Year's Eve   | 2,900                   | one day             |

## Salary and benefits

The salary is paid on the 20th of each month; when that is not a banking day, on the last banking
day before it. Salaries are reviewed once a year in March. Besides the salary, the employer grants:

- a pension contribution of seven percent of the salary, from the first day
- an annual training budget of 25,000 NOK, which may be carried over once
- a contribution of 400 NOK a month to a gym, a choir or a sailing club
- full pay for the first 16 days of illness, and for ten days a year with a sick child

## Holiday and leave

The employee has 28 days of paid holiday a year, and 33 from the age of 60. Three weeks may be taken
together between June and September. Up to ten unused days are carried over and expire at the end of
April. After every seven years of service the employee can take a sabbatical of three months, of
which one month is paid.

Paid leave is granted for moving house (one day), for one's own wedding (two days) and for the
funeral of a close relative (up to five days).

### Parental leave

Both parents can take parental leave; the employer pays the difference between the public benefit
and the full salary for 26 weeks. A parent who nurses has two hours a day for it with full pay,
until the child is a year old. Returning employees keep their team and their grade.

## Work equipment and data

The employer provides a laptop, a telephone and, for field work, boots, a survival suit and a
climbing harness in the employee's own size. The equipment may be used privately as long as it costs
the employer nothing. A lost or stolen device is reported within four hours, at night too, so that
it can be locked.

Personal data of the employee are kept for as long as the law demands and at most five years after
the end of the employment. The mailbox of an absent employee is opened only with the consent of the
works council, and never by the team lead alone.

## Confidentiality and inventions

The employee keeps business secrets confidential during the employment and for two years after its
end. Sensor designs, customer lists and unpublished source code are business secrets. Wages are not;
employees may talk about them freely.

Inventions made at work belong to the employer and are reported within a month. For a granted patent
the inventor receives 30,000 NOK and a share of two percent of the licence income. Contributions to
open source projects in spare time need no permission unless they compete with a product of the
company.

### Secondary employment

A second job must be announced before it begins. It is refused only if it harms the health of the
employee or benefits a competitor.

## Notice and end of employment

After probation the notice period is three months for both sides, counted from the first day of the
following month. It rises to five months after ten years of service. Notice must be given in
writing; an e-mail is not sufficient.

On the last working day the employee, in this order:

1. returns the badge, both hardware security keys and the laptop to reception,
1. names the colleague who takes over open tasks,
1. receives a written reference, signed by the team lead,
1. attends an exit interview with the people team, which is voluntary.

A non-compete clause is not agreed. The employee may not, however, approach employees of Orrevik
Instruments on behalf of a new employer for twelve months.
"""


@dataclass(frozen=True)
class Block:
    """One block of the text: its mark, and its paragraph, list items or table rows."""

    mark: str
    items: list[str]

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a table."""
        return [[cell.strip() for cell in row.strip("| ").split("|")] for row in self.items]


def parse(text: str) -> Iterator[Block]:
    """Split the text into blocks and unwrap their lines."""
    for part in text.strip().split("\n\n"):
        found = re.match(r"(#+|-|1\.|\||<page>)\s*", part)
        mark = found[1] if found else ""
        starts = re.escape(found[0]) if found else r"\A"
        items = re.split(rf"^{starts}", part, flags=re.MULTILINE)
        yield Block(mark, [" ".join(item.split()) for item in items[1:]])


def make_pdf(text: str, target: Path) -> None:
    """Write the text as an A4 PDF."""
    story = [flowable for block in parse(text) for flowable in _flowables(block)]
    template = SimpleDocTemplate(
        str(target), pagesize=A4, title="Safety Data", author="Orrevik Instruments", invariant=1
    )
    template.build(story)


def _flowables(block: Block) -> list[Flowable]:
    """Turn one block into the flowables which reportlab lays out."""
    if block.mark == "<page>":
        return [PageBreak()]
    if block.mark == "|":
        look = TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.5, colors.grey),
                ("BACKGROUND", (0, 0), (-1, 0), colors.lightgrey),
            ]
        )
        return [Spacer(1, 8), Table(block.rows, style=look), Spacer(1, 8)]
    name = {"#": "Title", "##": "Heading1", "###": "Heading2"}.get(block.mark, "BodyText")
    style = getSampleStyleSheet()[name]
    paragraphs: list[Flowable] = [Paragraph(escape(item), style) for item in block.items]
    if block.mark == "-":
        return [ListFlowable(paragraphs, bulletType="bullet", start="–", leftIndent=14)]
    return paragraphs


def make_docx(text: str, target: Path) -> None:
    """Write the text as a Word document in the styles of the default template."""
    document = Document()
    properties = document.core_properties
    properties.author = "Orrevik Instruments"
    properties.title = "Employment Agreement"
    properties.created = properties.modified = datetime(2024, 1, 15)
    styles = {
        "#": "Title",
        "##": "Heading 1",
        "###": "Heading 2",
        "-": "List Bullet",
        "1.": "List Number",
    }
    for block in parse(text):
        if block.mark == "|":
            table = document.add_table(0, len(block.rows[0]), style="Table Grid")
            for row in block.rows:
                for cell, content in zip(table.add_row().cells, row, strict=True):
                    cell.text = content
        else:
            for item in block.items:
                document.add_paragraph(item, style=styles.get(block.mark))
    packed = BytesIO()
    document.save(packed)
    _repack(packed, target)


def _repack(packed: BytesIO, target: Path) -> None:
    """Copy a zip archive with one fixed date for its members; python-docx stamps the time."""
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            member = zipfile.ZipInfo(name, date_time=(2024, 1, 15, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            copy.writestr(member, source.read(name))


if __name__ == "__main__":
    make_pdf(SAFETY_DATA, DOCUMENTS / "safety-data.pdf")
    make_docx(EMPLOYMENT_AGREEMENT, DOCUMENTS / "employee-agreement.docx")
