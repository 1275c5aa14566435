import torch

from medkd.objectives.class_logits import class_logits, class_targets


def test_a_label_is_two_classes_of_which_one_is_fixed(make_batch, make_output):
    batch = make_batch("multilabel")
    logits = make_output(batch).logits
    torch.testing.assert_close(class_logits(logits, batch.target).softmax(-1)[..., 0], torch.sigmoid(logits))


def test_the_true_class_has_the_likelihood_of_the_label(make_batch, make_output):
    for kind in ("binary", "multilabel", "multiclass"):
        batch = make_batch(kind, labelled=1)
        logits = make_output(batch).logits
        truth, known = class_targets(batch)
        likely = class_logits(logits, batch.target).flatten(0, -2).softmax(-1).gather(1, truth.flatten()[:, None])[:, 0]
        if kind == "multiclass":
            expected = logits.softmax(1).gather(1, batch.targets.long())[:, 0]
        else:
            expected = torch.where(batch.targets > 0, torch.sigmoid(logits), 1 - torch.sigmoid(logits)).flatten()
        assert known.all()
        torch.testing.assert_close(likely, expected)
