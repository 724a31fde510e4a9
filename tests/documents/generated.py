"""Documents of random structure, from a seed: what a test reads must not stand in a file."""

import random

WORDS = (
    "station sensor battery window record signal anchor filter margin weather voltage module "
    "reading report manual harbour mountain valley operator schedule archive backup request"
).split()


class Maker:
    """Makes texts of one seed."""

    def __init__(self, seed):
        self.chosen = random.Random(seed)

    def words(self, least, most):
        return " ".join(self.chosen.choices(WORDS, k=self.chosen.randint(least, most)))

    def sentence(self):
        return self.words(6, 18).capitalize() + "."

    def paragraph(self):
        return " ".join(self.sentence() for _ in range(self.chosen.randint(1, 6)))

    def title(self):
        return self.words(1, 4).title()

    def code(self, indent=""):
        lines = []
        for _ in range(self.chosen.choice((2, 5, 9, 60))):
            call = self.words(1, 3).replace(" ", "_")
            lines.append(f"{indent}{self.chosen.choice(WORDS)} = {call}({self.words(1, 4)!r})")
            if self.chosen.random() < 0.2:
                lines.append("")
        return "\n".join(lines).rstrip()

    def rows(self):
        count = self.chosen.choice((2, 6, 80))
        return [[f"{row}", self.words(1, 3), str(self.chosen.random())] for row in range(count)]

    def markdown(self, parts=40):
        text = [f"# {self.title()}", self.paragraph()]
        for _ in range(parts):
            kind = self.chosen.randrange(8)
            if kind == 0:
                text += [f"{'#' * self.chosen.randint(2, 4)} {self.title()}", self.paragraph()]
            elif kind == 1:
                label = self.chosen.choice(("For example:", "Filename: src/lib.rs", "", "**Note**"))
                language = self.chosen.choice(("", "python", "text", "rust"))
                text += [*filter(None, [label]), f"```{language}\n{self.code()}\n```"]
            elif kind == 2:
                lines = [f"| {' | '.join(row)} |" for row in self.rows()]
                table = "\n".join(["| id | name | value |", "|----|:----:|------|", *lines])
                text += [f"Table {self.chosen.randint(1, 9)}: {self.title()}", table]
            elif kind == 3:
                text.append("\n".join(f"- {self.sentence()}" for _ in range(5)))
            elif kind == 4:
                text += [f"## {self.title()}", f"### {self.title()}", self.paragraph()]
            elif kind == 5:
                text += [f"1. {self.sentence()}\n\n   ```sh\n{self.code('   ')}\n   ```"]
            else:
                text.append(self.paragraph())
        return "\n\n".join([*text, self.paragraph()]) + "\n"

    def rst(self, parts=40):
        title = self.title()
        text = [f"{title}\n{'=' * len(title)}", self.paragraph()]
        for number in range(parts):
            kind = self.chosen.randrange(5)
            if kind == 0:
                title = self.title()
                text += [f".. _anchor-{number}:", f"{title}\n{'-' * len(title)}", self.paragraph()]
            elif kind == 1:
                text += [
                    f"{self.sentence()[:-1]}:",
                    f".. code-block:: python\n   :linenos:\n\n{self.code('   ')}",
                ]
            elif kind == 2:
                text += ["For example::", self.code("    ")]
            else:
                text.append(self.paragraph())
        return "\n\n".join([*text, self.paragraph()]) + "\n"

    def html(self, parts=40):
        body = [f"<h1>{self.title()}</h1>", f"<p>{self.paragraph()}</p>"]
        for _ in range(parts):
            kind = self.chosen.randrange(5)
            if kind == 0:
                body += [f"<h2>{self.title()}</h2>", f"<p>{self.paragraph()}</p>"]
            elif kind == 1:
                body += ["<p>For example:</p>", f"<pre><code>{self.code()}</code></pre>"]
            elif kind == 2:
                lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in self.rows()]
                head = "<thead><tr><th>id</th><th>name</th><th>value</th></tr></thead>"
                body.append(f"<table>{head}<tr>{'</tr><tr>'.join(lines)}</tr></table>")
            else:
                body.append(f"<p>{self.paragraph()}</p>")
        body.append(f"<p>{self.paragraph()}</p>")
        return f"<html><body><article>{''.join(body)}</article></body></html>"

    def python(self, parts=12):
        text = ["import os", ""]
        for number in range(parts):
            text += ["", f"class {self.title().replace(' ', '')}{number}:"]
            for method in range(self.chosen.randint(1, 4)):
                decorator = self.chosen.choice(("@classmethod", "@app.route('/x')", ""))
                text += [f"    {decorator}"] * bool(decorator)
                text += [f"    def method_{method}(self):", f'        """{self.sentence()}"""']
                text += [self.code("        "), ""]
        return "\n".join(text) + "\n"

    def rust(self, parts=12):
        text = []
        for number in range(parts):
            text += ["#[derive(Debug)]", f"struct Part{number} {{", "    size: u32,", "}", ""]
            text += [f"impl Part{number} {{"]
            for method in range(self.chosen.randint(1, 4)):
                text += ["    #[inline]", f"    fn method_{method}(&self) {{"]
                text += [self.code("        "), "    }", ""]
            text += ["}", ""]
        return "\n".join(text)
