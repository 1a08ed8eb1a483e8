# Lexicon -> phones, words, silence model; options of a grammar, or a split's transcripts -> G.


rule prepare_lang:
    input:
        [RECIPE.lang.extra_lexicon] if RECIPE.lang.extra_lexicon is not None else [],
        lexicon=rules.prepare_data.output.lexicon,
    output:
        **lang_files(f"{ROOT}/lang"),
    log:
        f"{ROOT}/logs/lang.log",
    benchmark:
        f"{ROOT}/benchmarks/lang.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        options=to_json(RECIPE.lang),
        output_dir=subpath(output.lang, parent=True),
        code=CODE.of("pipeline.bin.prepare_lang"),
    shell:
        "python -m pipeline.bin.prepare_lang --lexicon {input.lexicon:q}"
        " --options {params.options:q} --output-dir {params.output_dir:q} &> {log:q}"


rule make_grammar:
    input:
        **rules.prepare_lang.output,
        files=lambda wildcards: grammar_sources(RECIPE, wildcards.grammar),
    output:
        g=f"{ROOT}/lang/grammars/{{grammar}}/G.fst",
    log:
        f"{ROOT}/logs/grammars/{{grammar}}.log",
    benchmark:
        f"{ROOT}/benchmarks/grammars/{{grammar}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        lang_dir=subpath(input.lang, parent=True),
        options=lambda wildcards: to_json(
            grammar_options(RECIPE, wildcards.grammar), exclude=GRAMMAR_USES
        ),
        code=CODE.of("pipeline.bin.make_grammar"),
    shell:
        "python -m pipeline.bin.make_grammar --lang {params.lang_dir:q}"
        " --grammar {params.options:q} --output {output.g:q} &> {log:q}"


rule make_split_grammar:
    # An n-gram model of the training transcripts.
    input:
        **rules.prepare_lang.output,
        cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
    output:
        g=f"{ROOT}/{{split}}/grammars/{{grammar}}/G.fst",
    log:
        f"{ROOT}/logs/{{split}}/grammars/{{grammar}}.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/grammars/{{grammar}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        lang_dir=subpath(input.lang, parent=True),
        options=lambda wildcards: to_json(
            grammar_options(RECIPE, wildcards.grammar), exclude=GRAMMAR_USES
        ),
        code=CODE.of("pipeline.bin.make_grammar"),
    shell:
        "python -m pipeline.bin.make_grammar --lang {params.lang_dir:q}"
        " --grammar {params.options:q} --cuts {input.cuts:q} --output {output.g:q} &> {log:q}"
